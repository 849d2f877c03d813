// What people type, as the phrases that the model was trained on: as soundsift/phrases.py and
// soundsift/prompts.py, with the same rules in the same order. English only.

import { PromptError } from "./prompt-error.js";

const MOST_CHARACTERS = 200;
const MOST_SOUNDS = 8;

const WORD = "[\\p{L}\\p{N}_]";
const EDGE = `(?:(?<=${WORD})(?!${WORD})|(?<!${WORD})(?=${WORD}))`;
const pattern = (source, flags = "") => new RegExp(source, `u${flags}`);

const QUOTES = { "’": "'", "‘": "'", "`": "'", "´": "'", "–": "-", "—": ",", "…": "." };
const LIST = pattern(`[,;|+\\n]|(?<=${WORD}${WORD}${WORD})/(?=${WORD}${WORD}${WORD})| / `);
const LOOSE = pattern(`(?<!${WORD})['-]+|['-]+(?!${WORD})`, "g");
const WHOLE =
  "(?:everything|anything|all|every sound|all (?:the |other )?sounds?" +
  "|(?:the )?(?:whole )?(?:recording|audio|song|track|mix|clip|video|sound|rest))";

const POLITE =
  "please|kindly|hi|hello|hey|thanks|ok|okay|can you|could you|would you|will you|i want you to" +
  "|i want to|i would like to|i'd like to|i need to|i want|i would like|i'd like|i need|i'm" +
  " looking for|help me|try to|let's|let me hear|to";
const KEEPING =
  "isolate|extract|keep(?= |$)|separate|(?:give|show|get|find) me|solo|listen to|hear";
const KEEPING_LOOSELY = "lift|pull|take|pick|find|get|leave|split|filter";
const REMOVING =
  "remove|delete|eliminate|erase|get rid of|suppress|take away|take out|cut out|filter out" +
  "|edit out|strip out|clean up|drop out";
const REMOVING_LOOSELY = "cut|mute|silence|kill|strip|reduce|lower|drop";
const ARTICLE =
  "the|a|an|some|any|all (?:of )?(?:the|my|these|those)|this|that|these|those|my|our|your";
const HEARD =
  "(?:what )?(?:i|you|we|one) (?:can |could )?hear|there (?:is|are|was|were)|there's|it is|it's" +
  "|this is|that is|here is";
const SOUND_OF = "(?:sounds?|noises?|audio|recordings?) of";
const ONLY = "just|only|nothing but|none but|nothing except|nothing other than";
const BEFORE = pattern(
  `^(?:(?<keep>(?:${KEEPING})(?: out)?|(?:${KEEPING_LOOSELY})(?: out)?` +
    `(?= (?:${ARTICLE}|only|just)(?: |$))|lift out|pull out|pick out)` +
    `|(?<remove>${REMOVING}|(?:${REMOVING_LOOSELY})(?= (?:${ARTICLE}) ))` +
    `|(?<only>${ONLY})|${POLITE}|${HEARD}|${SOUND_OF}|(?<article>${ARTICLE}))(?: |$)`,
);
const PURELY_POLITE = /^(?:please|kindly|hi|hello|hey|thanks|thank you|ok|okay)$/u;
const AFTER = pattern(
  " (?:please|thanks|thank you|for me|only|alone|(?:that )?(?:i|you|we) (?:can )?hear" +
    "|(?:that )?(?:is|are|was|were|can be|could be) (?:heard|audible)" +
    "|(?:from|in|of|out of) (?:the|this|that|my) (?:whole )?(?:recording|audio|song|track|mix|clip" +
    "|video|file|sound|podcast|episode|interview|scene))$",
);
const IS = pattern(
  `(?<=${WORD}) (?:(?:that|which|who) )?(?:is|are|was|were|'s|'re) (?=${WORD}+ing${EDGE})`,
  "g",
);
const AND = / (?:and|or|nor|as well as|plus) /u;
const ONE_SOUND = pattern(
  `${EDGE}(?:rock (?:and|n) roll|drums? and bass|rhythm and blues|mortar and pestles?|pots? and pans?` +
    "|hook and loop|flint and steel|bow and arrow|knife and fork|pen and paper|hammer and anvil" +
    "|dots and dashes|call and response|in and out|up and down|back and forth|on and off" +
    "|over and over|again and again|more and more|louder and louder|thunder and lightning" +
    `|lightning and thunder|fish and chips|bed and breakfast|salt and pepper|stop and go)${EDGE}`,
);
const WITH_ARTICLE = { man: "the man", woman: "the woman" };

const BUT =
  "(?:but|except(?: for)?|excepting|besides|other than|apart from|aside from|excluding|minus)";
const ALL_BUT = pattern(
  `^(?:${WHOLE} (?:${BUT}|that (?:is|are|isn't|aren't) not)|not) (?<sound>.+)$`,
);
const NONE_OF = pattern(
  `^(?:(?:${WHOLE} )?(?:without|with no|w/o|minus|less)|no(?: more)?|(?:i )?(?:do not|don't)` +
    " (?:want|keep|need)|exclude|excluding) (?<sound>.+)$",
);
const NEGATIVE = pattern(
  `${EDGE}(?:not|no(?= )|without|w/o|except|excluding|never|cannot|nothing|none|neither|nor|minus` +
    `|but|non(?=[ -]))${EDGE}|n't${EDGE}`,
);

// A text in one form: lower case, composed, with single spaces; "" if nothing is left.
export function normaliseText(text) {
  const clean = text
    .toLowerCase()
    .replace(/[\p{Cc}\p{Cs}]/gu, " ")
    .normalize("NFC")
    .split(/\s+/u)
    .filter(Boolean)
    .join(" ");
  const length = [...clean].length;
  if (length > MOST_CHARACTERS) {
    throw new PromptError(
      `The text has ${length} characters. Use a short phrase of at most ${MOST_CHARACTERS}.`,
    );
  }
  if (clean !== "" && !/[\p{L}\p{N}]/u.test(clean)) {
    throw new PromptError(`“${clean}” has no word in it. Use a phrase such as “dog barking”.`);
  }
  return clean;
}

// {sounds, inverted} of a normalised text: together the sounds are the target; if inverted, the target
// is everything else.
export function readPhrases(text) {
  const plain = [...text].map((letter) => QUOTES[letter] ?? letter).join("");
  let parts = plain.split(LIST).map(wordsOnly);
  const meant = parts.filter((part) => part !== "" && !PURELY_POLITE.test(part));
  parts = meant.length > 0 ? meant : parts.slice(0, 1);
  const ends = parts.length > 1 && /(?:^| )(?:and|or) /u.test(parts.at(-1));
  parts.push(parts.pop().replace(/^(?:and|or) /u, ""));
  const [first, ...others] = parts.map((part) => readOne(part, text));
  const sounds = [...first.sounds];
  for (const one of others) {
    const unclear = first.meant === "without" && !one.inverted && !ends;
    if (unclear || (one.inverted && !first.inverted)) throw refused(text);
    sounds.push(...one.sounds);
  }
  const unique = [...new Set(sounds)];
  if (unique.length > MOST_SOUNDS) {
    throw new PromptError(
      `The text names ${unique.length} sounds. Name at most ${MOST_SOUNDS} at a time.`,
    );
  }
  return { sounds: unique, inverted: first.inverted };
}

// A phrase as settings and file names show it.
export function shownPhrases({ sounds, inverted }) {
  return (inverted ? "everything but " : "") + sounds.join(", ");
}

function readOne(given, text) {
  let [part, meant] = stripped(given);
  let inverted = false;
  let found = ALL_BUT.exec(part);
  if (found !== null) {
    inverted = true;
  } else {
    found = NONE_OF.exec(part);
    if (found !== null) [inverted, meant] = [true, "without"];
  }
  if (found !== null) [part] = stripped(found.groups.sound);
  let parts = ONE_SOUND.test(part) ? [part] : part.split(AND);
  if (inverted) parts = parts.map((one) => one.replace(/^(?:no|not|without) /u, ""));
  const sounds = parts.map((one) => stripped(one)[0]).map((one) => WITH_ARTICLE[one] ?? one);
  if (sounds.some((sound) => NEGATIVE.test(sound))) throw refused(text);
  return { sounds, inverted, meant };
}

// A phrase without politeness, verbs of asking and articles, and what the verbs mean.
function stripped(given) {
  let part = given;
  let meant = null;
  for (;;) {
    const before = part;
    const begin = BEFORE.exec(part);
    if (begin !== null && begin[0].length < part.length) {
      part = part.slice(begin[0].length);
      if (meant === null && (begin.groups.keep || begin.groups.only)) meant = "keep";
      else if (meant === null && begin.groups.remove) meant = "remove";
    }
    const end = AFTER.exec(part);
    if (end !== null && end.index > 0) part = part.slice(0, end.index);
    part = part.replace(IS, " ");
    if (part === before) return [part, meant];
  }
}

function wordsOnly(part) {
  return part
    .replaceAll("&", " and ")
    .replace(/[^'\-/]/gu, (letter) => (/[\p{P}\p{S}]/u.test(letter) ? " " : letter))
    .split(/\s+/u)
    .filter(Boolean)
    .join(" ")
    .replace(LOOSE, " ")
    .split(/\s+/u)
    .filter(Boolean)
    .join(" ");
}

function refused(text) {
  return new PromptError(
    `“${text}” has a negation that is not understood. Name the sound itself, or write “everything ` +
      "but” in front of it.",
  );
}

// How a prompt in another language was read, in a sentence.

const names = new Intl.DisplayNames(["en"], { type: "language" });

/** The sentence for a job's settings; empty if the prompt was English. */
export function readAsWords(translation) {
  if (!translation) return "";
  const { language, typed, english, left_out: leftOut, not_found: notFound } = translation;
  const sentences = [];
  if (english !== typed) sentences.push(`“${typed}” was read as “${english}” (${names.of(language)}).`);
  if (leftOut.length) sentences.push(`Left out: ${leftOut.join(", ")}.`);
  if (notFound.length) sentences.push(`Not in the lexicon, passed on as typed: ${notFound.join(", ")}.`);
  return sentences.join(" ");
}

/** Show it, or nothing for null. */
export function showReadAs(paragraph, job) {
  const words = readAsWords(job?.settings?.translation);
  paragraph.textContent = words;
  paragraph.hidden = words === "";
}

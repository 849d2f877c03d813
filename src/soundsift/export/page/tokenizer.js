// Phrases to MiniLM's token ids: BERT's uncased word pieces, as tokenizer.json describes them.

const START = "[CLS]";
const END = "[SEP]";
const UNKNOWN = "[UNK]";

export class Tokenizer {
  // `description`: of tokenizer.json; `most`: tokens of a phrase, at most.
  constructor(description, most) {
    const { model } = description;
    this.vocabulary = new Map(Object.entries(model.vocab));
    this.prefix = model.continuing_subword_prefix;
    this.longest = model.max_input_chars_per_word;
    this.most = most;
  }

  // Token ids of a phrase.
  encode(phrase) {
    const tokens = words(phrase).flatMap((word) => this._pieces(word));
    const kept = [START, ...tokens.slice(0, this.most - 2), END];
    return kept.map((token) => this.vocabulary.get(token));
  }

  // The longest known pieces from the left.
  _pieces(word) {
    const letters = [...word];
    if (letters.length > this.longest) return [UNKNOWN];
    const pieces = [];
    for (let start = 0; start < letters.length; ) {
      let end = letters.length;
      const piece = () => (start > 0 ? this.prefix : "") + letters.slice(start, end).join("");
      while (end > start && !this.vocabulary.has(piece())) end -= 1;
      if (end === start) return [UNKNOWN];
      pieces.push(piece());
      start = end;
    }
    return pieces;
  }
}

const IDEOGRAPH =
  /[\u4E00-\u9FFF\u3400-\u4DBF\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\uF900-\uFAFF\u{2F800}-\u{2FA1F}]/gu;

function words(phrase) {
  const clean = phrase
    .replace(/[\t\n\r]/gu, " ")
    .replace(/[\0\uFFFD\p{Cc}\p{Cf}\p{Cn}\p{Co}]/gu, "")
    .replace(/\p{White_Space}/gu, " ")
    .replace(IDEOGRAPH, " $& ")
    .normalize("NFD")
    .replace(/\p{Mn}/gu, "")
    .toLowerCase();
  // Every punctuation mark is a word; to BERT all of ASCII's symbols are.
  return clean.match(/[\p{P}$+<=>^`|~]|[^\p{P}$+<=>^`|~\s]+/gu) ?? [];
}

// How a model's judge rates a result, in words.

/** Quieter targets are not rated in words: there is nearly nothing to hear. */
const NEARLY_SILENT_DB = -30;

const number = (rating) => rating.toFixed(1);

/** A finished job's rating as `{ overall, parts, poor }`, each a sentence; null if it has none. */
export function ratingWords(job) {
  const { judge, target_level_db: level } = job;
  if (!judge || !Number.isFinite(level) || level < NEARLY_SILENT_DB) return null;
  return {
    overall: `Rated ${number(judge.overall)} of 5`,
    parts: ["recall", "precision", "faithfulness"].map((part) => `${part} ${number(judge[part])}`).join(", "),
    poor: judge.advice,
  };
}

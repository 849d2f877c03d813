// Which tracks a view has.

import { stemUrl, audioUrl } from "./api.js";
import { button } from "./dom.js";
import { ratingWords } from "./rating.js";
import { STEM_NAMES, subject } from "./session.js";

const sourceUrl = (source) => (typeof source === "string" ? audioUrl(source) : stemUrl(source.job, source.stem));

/** Result of a job's request: the removed sound's remainder, or the isolated sound. */
export const wantedStem = ({ request }) => (request.mode === "remove" ? "residual" : "target");

/**
 * The tracks of the session's view, for `Tracks.show`: `{ tracks, pair, heard, found }`.
 * `goOnFrom(job, stem)` makes a stem the source of the next turn.
 */
export function viewTracks(session, goOnFrom) {
  const { source, compare, group } = session.view;
  const original = typeof source === "string";
  const before = {
    key: "source", tone: "original", title: original ? "Original" : "Before",
    about: original ? null : session.describe(source), url: sourceUrl(source), marked: true,
  };
  if (compare) return compared(session, before, compare);
  if (group) return grouped(session, before, group);
  const job = session.shown;
  if (job === null) return { tracks: [before], pair: ["source", null], heard: null };
  const wanted = wantedStem(job);
  const stems = ["target", "residual"].map((stem) => ({
    key: stem, tone: stem === "target" ? "isolated" : "without", title: STEM_NAMES[stem],
    about: subject(job.request), url: stemUrl(job.id, stem), rating: stem === wanted ? ratingWords(job) : null,
    actions: [button("Go on from this", () => goOnFrom(job, stem), {
      title: "Use this track as the input of the next turn", "aria-label": `Go on from: ${STEM_NAMES[stem]}`,
    })],
  }));
  return { tracks: [before, ...stems], pair: ["source", wanted], heard: wanted, found: job.found ?? [] };
}

/** Two results side by side. */
function compared(session, before, { a, b, stem }) {
  const side = (letter, id) => ({
    key: letter, tone: letter === "a" ? "isolated" : "other",
    title: `${letter.toUpperCase()}: ${subject(session.jobs.get(id).request)}`,
    about: STEM_NAMES[stem].toLowerCase(), url: stemUrl(id, stem),
    rating: ratingWords(session.jobs.get(id)),
  });
  return { tracks: [before, side("a", a), side("b", b)], pair: ["a", "b"], heard: "a" };
}

/** The results of several prompts, to be mixed; the original is muted. */
function grouped(session, before, group) {
  const tones = ["isolated", "without", "other"];
  const results = group.map((id, at) => {
    const job = session.jobs.get(id);
    return {
      key: id, tone: tones[at % tones.length], title: subject(job.request),
      about: STEM_NAMES[wantedStem(job)].toLowerCase(), url: stemUrl(id, wantedStem(job)),
      rating: ratingWords(job),
    };
  });
  return { tracks: [{ ...before, muted: true }, ...results], pair: ["source", group[0]], heard: null };
}

// The session's history: turns with their settings, to show, redo, compare and delete.

import { clock, fromRequest } from "./spans.js";
import { button, element } from "./dom.js";
import { ratingWords } from "./rating.js";
import { subject } from "./session.js";

const STATUS = { queued: "waiting", running: "running", failed: "failed", cancelled: "cancelled" };

/** Most spans that a turn lists. */
const MOST_SPANS = 6;

const fromTo = (start, end) => `${clock(start)}–${clock(end)}`;

/** When a box counts: at a time, or, in requests that were not made here, in a span or always. */
const boxTime = ({ time, span }) =>
  Number.isFinite(time) ? clock(time) : span ? fromTo(...span) : "always";

/** A request's settings as rows of name and value. */
export function settingRows(request) {
  const marks = fromRequest(request);
  const spans = marks.slice(0, MOST_SPANS).map(
    ({ start, end, sign }) => `${sign === "+" ? "+" : "−"} ${fromTo(start, end)}`,
  );
  return [
    ["preset", request.preset],
    ["seed", String(request.seed ?? 0)],
    ["model", request.model],
    ["points", request.points?.map(({ time, positive }) => `${positive ? "+" : "−"} ${clock(time)}`).join(", ") || null],
    ["boxes", request.boxes?.map(boxTime).join(", ") || null],
    ["spans", [...spans, ...(marks.length > MOST_SPANS ? [`${marks.length - MOST_SPANS} more`] : [])].join(", ") || null],
  ].filter(([, value]) => value);
}

/** Differences between two requests, in words. */
export function differences(one, other) {
  const rows = (request) => new Map([["prompt", subject(request)], ["mode", request.mode], ...settingRows(request)]);
  const [a, b] = [rows(one), rows(other)];
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => a.get(key) !== b.get(key))
    .map((key) => `${key}: ${a.get(key) ?? "none"} → ${b.get(key) ?? "none"}`);
}

export class History {
  /** `actions`: `show(job)`, `redo(job)`, `compare(job)`, `remove(job)`. */
  constructor(list, session, actions) {
    this.list = list;
    this.session = session;
    this.actions = actions;
    this.pinned = null;
  }

  draw() {
    const jobs = this.session.own;
    const focused = this.list.contains(document.activeElement) ? document.activeElement : null;
    const place = focused && [focused.closest("li").dataset.job, focused.textContent];
    this.list.replaceChildren(...jobs.map((job) => this.#entry(job)));
    this.list.closest("section").classList.toggle("empty", jobs.length === 0);
    if (place) {
      const row = this.list.querySelector(`[data-job="${CSS.escape(place[0])}"]`);
      [...(row?.querySelectorAll("button") ?? [])].find((one) => one.textContent === place[1])?.focus();
    }
  }

  #entry(job) {
    const { request, status } = job;
    const view = this.session.view;
    const done = status === "done";
    const shown = view?.job === job.id || view?.compare?.a === job.id || view?.compare?.b === job.id;
    const words = `${request.mode === "remove" ? "Remove" : "Isolate"} ${subject(request)}`;
    const from = typeof request.recording === "string" ? null : this.session.describe(request.recording);
    const level = job.target_level_db;
    const rating = done ? ratingWords(job) : null;
    const facts = [
      STATUS[status],
      from && `from ${from}`,
      done && job.presence === "absent" ? "probably not in this recording" : null,
      done && job.found?.length ? `found ${job.found.length} ${job.found.length === 1 ? "time" : "times"}` : null,
      done && Number.isFinite(level) ? `${level.toFixed(1).replace("-", "−")} dB relative to the whole` : null,
      rating?.overall.toLowerCase(),
      rating?.poor ? "probably poor" : null,
      status === "failed" ? job.error : null,
    ].filter(Boolean);
    const pinned = this.pinned === job.id;
    return element("li", { class: `turn ${status}${shown ? " shown" : ""}`, "data-job": job.id },
      button(words, () => this.actions.show(job), {
        class: "turn-title", disabled: !done, "aria-current": shown ? "true" : null,
      }),
      facts.length ? element("p", { class: "turn-facts" }, facts.join(" · ")) : null,
      element("dl", { class: "turn-settings" },
        ...settingRows(request).map(([name, value]) =>
          element("div", {}, element("dt", {}, name), element("dd", {}, value)))),
      element("div", { class: "turn-actions" },
        button("Redo…", () => this.actions.redo(job), {
          title: "Edit these settings for a new turn", "aria-label": `Redo with a change: ${words}`,
        }),
        done ? button(pinned ? "Compare with…" : "Compare", () => this.actions.compare(job), {
          "aria-pressed": String(pinned), title: "Select two results to compare them",
        }) : null,
        done || status === "failed" || status === "cancelled"
          ? button("Delete", () => this.actions.remove(job), { "aria-label": `Delete: ${words}` })
          : null));
  }
}

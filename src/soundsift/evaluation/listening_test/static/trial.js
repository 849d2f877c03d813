// One comparison: player, ratings, choice.

import { bytes, request } from "./api.js";
import { ratings } from "./forms.js";
import { Player } from "./player.js";

const SOURCES = ["mixture", "a", "b"];
const NAMES = { mixture: "the mixture", a: "output A", b: "output B" };
const VIDEO_OFF_SECONDS = 0.15;
const byId = (id) => document.getElementById(id);

export class Comparison {
  // onanswer is called when an answer was stored, and onerror with what went wrong.
  constructor({ axes, least_seconds: least }, onanswer, onerror) {
    Object.assign(this, { axes, least, onanswer, onerror });
    byId("ratings").replaceChildren(...ratings(axes));
    this.player = new Player(() => this.draw());
    this.video = byId("video");
    this.buttons = [...document.querySelectorAll("[data-source]")];
    for (const button of this.buttons) {
      button.addEventListener("click", () => this.player.switchTo(button.dataset.source));
    }
    byId("play").addEventListener("click", () => this.toggle());
    byId("seek").addEventListener("input", () => this.player.seek(Number(byId("seek").value)));
    byId("answer").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send().catch(onerror);
    });
    document.addEventListener("keydown", (event) => this.key(event));
  }

  get shown() {
    return !byId("trial").hidden;
  }

  async show({ position, count, trial }) {
    this.position = position;
    this.began = performance.now();
    this.sent = false;
    byId("answer").reset();
    byId("feedback").hidden = true;
    byId("next").textContent = "Next";
    byId("trial-title").textContent = `Comparison ${position + 1} of ${count}${trial.training ? " (training)" : ""}`;
    byId("prompt").textContent = trial.prompt;
    byId("seek").max = trial.seconds;
    this.video.hidden = !trial.video;
    if (trial.video) this.video.src = `/api/trials/${position}/video`;
    else this.video.removeAttribute("src");
    this.player.clear();
    byId("play").disabled = true;
    const sounds = await Promise.all(SOURCES.map((part) => bytes(`/api/trials/${position}/${part}`)));
    await this.player.load(Object.fromEntries(SOURCES.map((part, n) => [part, sounds[n]])));
    byId("play").disabled = false;
  }

  toggle() {
    if (this.player.playing) this.player.stop();
    else this.player.play().catch(this.onerror);
  }

  draw() {
    const { player } = this;
    if (!player) return;
    byId("play").textContent = player.playing ? "Pause" : "Play";
    for (const button of this.buttons) button.setAttribute("aria-pressed", String(button.dataset.source === player.source));
    byId("seek").value = player.position;
    byId("seek").setAttribute("aria-valuetext", `${player.position.toFixed(1)} of ${player.seconds.toFixed(1)} seconds`);
    const missing = this.missing();
    const text = missing.length ? `Still to be heard: ${missing.map((name) => NAMES[name]).join(", ")}.` : "All three were heard.";
    if (byId("heard").textContent !== text) byId("heard").textContent = text;
    this.followPicture();
  }

  followPicture() {
    const { video, player } = this;
    if (video.hidden || !video.duration) return;
    if (Math.abs(video.currentTime - player.position) > VIDEO_OFF_SECONDS) video.currentTime = Math.min(player.position, video.duration);
    if (player.playing && video.paused) video.play().catch(() => undefined);
    if (!player.playing && !video.paused) video.pause();
  }

  // What was not played for long enough.
  missing() {
    const least = Math.min(this.least, 0.9 * this.player.seconds);
    return SOURCES.filter((name) => this.player.heardOf(name) < least);
  }

  async send() {
    if (this.sent) return this.onanswer();
    const missing = this.missing();
    if (missing.length) {
      throw new Error(`Please listen to ${missing.map((name) => NAMES[name]).join(" and ")} first, for at least ${this.least} s.`);
    }
    this.player.stop();
    byId("next").disabled = true;
    try {
      const given = new FormData(byId("answer"));
      const rated = (side) => Object.fromEntries(this.axes.map(({ name }) => [name, Number(given.get(`${side}_${name}`))]));
      const answer = { a: rated("a"), b: rated("b"), choice: given.get("choice"), seconds: (performance.now() - this.began) / 1000 };
      const feedback = await request(`/api/trials/${this.position}`, "POST", answer);
      if (!feedback.better) return this.onanswer();
      this.sent = true;
      this.explain(feedback);
    } finally {
      byId("next").disabled = false;
    }
    return undefined;
  }

  explain({ better, right }) {
    const name = NAMES[better];
    byId("feedback").textContent = right
      ? `Right: ${name} is the better one here, and you rated and chose it so.`
      : `Here ${name} is the better one: parts are missing in the other, and noise was added. Rate it higher overall, and choose it.`;
    byId("feedback").hidden = false;
    byId("next").textContent = "Continue";
    byId("feedback").focus();
  }

  key(event) {
    if (!this.shown || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target, key } = event;
    const source = { m: "mixture", a: "a", b: "b" }[key.toLowerCase()];
    if (source) this.player.switchTo(source);
    // Space also presses buttons, chooses radio buttons and opens the list of keys.
    else if (key === " " && !target.matches("button, input[type=radio], summary")) this.toggle();
    else if (/^[1-5]$/.test(key) && target.matches("#ratings input")) {
      const input = byId("answer").elements[target.name][Number(key) - 1];
      input.checked = true;
      input.focus();
    } else return;
    event.preventDefault();
  }

  end() {
    this.player.stop();
    this.video.pause();
  }
}

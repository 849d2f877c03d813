// The prompt form: text, model, preset, seed, and the buttons that start a turn.

import { button, byId, element } from "./dom.js";
import { PromptList } from "./prompt-list.js";

const EXAMPLES = ["speech", "music", "dog barking", "cow mooing", "birds", "applause", "guitar", "footsteps"];

export class Prompt {
  constructor(form, spans, points, onStart) {
    this.form = form;
    this.spans = spans;
    this.points = points;
    this.text = form.elements.text;
    this.suggest([]);
    this.others = new PromptList(byId("prompt-list"), () => this.check());
    this.add = byId("add-prompt");
    this.add.addEventListener("click", () => this.#addAnother());
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const mode = event.submitter?.value ?? "separate";
      if (!this.check()) return;
      onStart({ ...this.#request(), mode });
      this.others.clear();
    });
    this.text.addEventListener("input", () => this.check());
    spans.addEventListener("change", () => this.check());
    points.addEventListener("change", () => this.check());
    this.check();
  }

  /** Offer the sounds that were heard in the recording, or examples if there are none. */
  suggest(heard) {
    const group = this.form.querySelector(".examples");
    group.setAttribute("aria-label", heard.length ? "Heard in this recording" : "Examples");
    group.classList.toggle("heard-sounds", heard.length > 0);
    group.replaceChildren(
      ...(heard.length ? heard : EXAMPLES).map((words) =>
        button(words, () => {
          this.text.value = words;
          this.text.focus();
          this.check();
        }, { class: "chip" })));
  }

  /** Fill in the server's models and presets. */
  setInfo({ models, presets }) {
    this.presets = presets;
    this.#options("model", models);
    this.#options("preset", Object.keys(presets));
    if ("standard" in presets) this.form.elements.preset.value = "standard";
    this.form.elements.preset.addEventListener("change", () => this.#explain());
    this.#explain();
  }

  #explain() {
    const about = this.presets?.[this.form.elements.preset.value];
    this.form.querySelector("#preset-about").textContent = about ? `${about}.` : "";
  }

  #options(name, values) {
    this.form.elements[name].replaceChildren(
      ...values.map((value) => element("option", { value }, value)),
    );
  }

  get #isThere() {
    return this.text.value.trim() !== "" || this.spans.all.length > 0 || this.points.begin;
  }

  /** Enable the buttons if there is a text, a span, or a point or box on the object. */
  check() {
    const there = this.#isThere || this.others.all.length > 0;
    for (const start of this.form.querySelectorAll("button[name=mode]")) start.disabled = !there;
    this.add.disabled = !this.#isThere;
    return there;
  }

  /** Set the prompt aside, and begin another one. */
  #addAnother() {
    this.others.add({ text: this.text.value.trim(), ...this.#marks });
    this.text.value = "";
    this.spans.reset();
    this.points.reset();
    this.text.focus();
  }

  get #marks() {
    return { ...this.spans.toRequest(), ...this.points.toRequest() };
  }

  /** The request, with all prompts if there are several. */
  #request() {
    const { text, spans, not_spans: notSpans, points, boxes, ...settings } = this.read();
    const last = this.#isThere ? [{ text, spans, not_spans: notSpans, points, boxes }] : [];
    const prompts = [...this.others.all, ...last];
    return prompts.length === 1 ? { ...settings, ...prompts[0] } : { ...settings, prompts };
  }

  read() {
    const { text, model, preset, seed, judge } = this.form.elements;
    return {
      text: text.value.trim(),
      ...this.#marks,
      model: model.value,
      preset: preset.value,
      seed: Number.isInteger(seed.valueAsNumber) ? seed.valueAsNumber : 0,
      judge: judge.checked,
    };
  }

  /** Fill in a request's text and settings; missing ones stay. */
  fill(request) {
    for (const name of ["text", "model", "preset", "seed"]) {
      if (request[name] !== undefined) this.form.elements[name].value = request[name] ?? "";
    }
    if (request.judge !== undefined) this.form.elements.judge.checked = request.judge;
    this.#explain();
    this.check();
  }
}

// The prompt form: text, model, preset, seed, and the buttons that start a turn.

import { button, element } from "./dom.js";

const EXAMPLES = ["speech", "music", "dog barking", "cow mooing", "birds", "applause", "guitar", "footsteps"];

export class Prompt {
  constructor(form, spans, onStart) {
    this.form = form;
    this.spans = spans;
    this.text = form.elements.text;
    form.querySelector(".examples").append(
      ...EXAMPLES.map((words) =>
        button(words, () => {
          this.text.value = words;
          this.text.focus();
          this.check();
        }, { class: "chip" })),
    );
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const mode = event.submitter?.value ?? "separate";
      if (this.check()) onStart({ ...this.read(), mode });
    });
    this.text.addEventListener("input", () => this.check());
    spans.addEventListener("change", () => this.check());
    this.check();
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

  /** Enable the buttons if there is a text or a span. */
  check() {
    const there = this.text.value.trim() !== "" || this.spans.all.length > 0;
    for (const start of this.form.querySelectorAll("button[name=mode]")) start.disabled = !there;
    return there;
  }

  read() {
    const { text, model, preset, seed } = this.form.elements;
    return {
      text: text.value.trim(),
      ...this.spans.toRequest(),
      model: model.value,
      preset: preset.value,
      seed: Number.isInteger(seed.valueAsNumber) ? seed.valueAsNumber : 0,
    };
  }

  /** Fill in a request's text and settings; missing ones stay. */
  fill(request) {
    for (const name of ["text", "model", "preset", "seed"]) {
      if (request[name] !== undefined) this.form.elements[name].value = request[name] ?? "";
    }
    this.#explain();
    this.check();
  }
}

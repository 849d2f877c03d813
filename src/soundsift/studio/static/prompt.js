// The prompt: the words, the model, the preset, the seed, and the buttons that begin.

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

  /** Offer what the server has. */
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

  /** A prompt needs words or a span. */
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

  /** Show a request's words and settings; what is missing from it stays. */
  fill(request) {
    for (const name of ["text", "model", "preset", "seed"]) {
      if (request[name] !== undefined) this.form.elements[name].value = request[name] ?? "";
    }
    this.#explain();
    this.check();
  }
}

// Sounds that the server hears in a recording, offered as prompts.

import * as api from "./api.js";

const POLL_MS = 1500;

export class Suggestions {
  #recording = null;

  constructor(prompt) {
    this.prompt = prompt;
  }

  /** Ask for a recording's sounds, until they are there or another recording is opened. */
  async show(recording) {
    if (recording === this.#recording) return;
    this.#recording = recording;
    this.prompt.suggest([]);
    while (recording !== null && recording === this.#recording) {
      const { status, sounds } = await api.heard(recording).catch(() => ({ status: "failed" }));
      if (recording !== this.#recording) return;
      if (status !== "listening") {
        this.prompt.suggest((sounds ?? []).map(({ text }) => text));
        return;
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}

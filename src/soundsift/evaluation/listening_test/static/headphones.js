// The headphone check: which of three tones is the quietest?

import { bytes, request } from "./api.js";
import { choices } from "./forms.js";
import { Player } from "./player.js";

const byId = (id) => document.getElementById(id);

export class HeadphoneCheck {
  // onend is called when an attempt was sent.
  constructor(onend) {
    this.player = new Player(() => undefined, { loop: false });
    byId("sample").addEventListener("click", () => this.play("/api/sample"));
    byId("tones").addEventListener("submit", async (event) => {
      event.preventDefault();
      this.player.stop();
      const given = new FormData(byId("tones"));
      const answers = Array.from({ length: this.count }, (_, n) => Number(given.get(`tone-${n}`)));
      await onend(await request("/api/headphones", "POST", { answers }));
    });
  }

  show({ questions, tones }) {
    this.count = questions;
    byId("questions").replaceChildren(
      ...Array.from({ length: questions }, (_, n) => {
        const group = choices(
          `Sound ${n + 1}: the quietest tone`,
          `tone-${n}`,
          Array.from({ length: tones }, (_, tone) => ({ value: tone + 1, label: `Tone ${tone + 1}` })),
        );
        group.querySelector("legend").className = "visually-hidden";
        const play = document.createElement("button");
        play.type = "button";
        play.textContent = `Play sound ${n + 1}`;
        play.addEventListener("click", () => this.play(`/api/headphones/${n}`));
        group.querySelector("legend").after(play);
        const item = document.createElement("li");
        item.append(group);
        return item;
      }),
    );
  }

  async play(path) {
    this.player.clear();
    await this.player.load({ mixture: await bytes(path) });
    await this.player.play();
  }

  end() {
    this.player.stop();
  }
}

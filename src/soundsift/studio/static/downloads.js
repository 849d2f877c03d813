// Exports: stems, mix-down, video, settings and command line.

import { copyState, settings, settingsUrl, stemUrl } from "./api.js";
import { element } from "./dom.js";
import { STEM_NAMES, subject } from "./session.js";

/** URL of a download that browsers save. */
const saved = (url) => `${url}&download=true`;
const SOUND_FORMATS = { wav: "WAV", flac: "FLAC", mp3: "MP3", opus: "Opus" };
const POLL_MS = 400;

export const withoutSuffix = (name) => name.replace(/\.[^.]*$/, "");

/** Have the browser save what a link points at. */
function save(href, download) {
  const link = element("a", { href, download });
  link.click();
}

export class Downloads {
  /** `attempt(work)` runs an action and shows its error. */
  constructor(section, onNotice, attempt) {
    this.section = section;
    this.attempt = attempt;
    this.rows = section.querySelector(".stem-rows");
    this.command = section.querySelector("#command");
    this.copy = section.querySelector("#copy");
    this.settings = section.querySelector("#settings");
    this.ofResult = section.querySelector(".of-result");
    this.state = section.querySelector("#encoding");
    this.job = null;
    this.copy.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(this.command.textContent);
        onNotice("Command line copied.");
      } catch {
        getSelection().selectAllChildren(this.command);
        onNotice("The browser refused to copy. The command line is selected: press Ctrl C.");
      }
    });
    section.querySelector("#copy-settings").addEventListener("click", async () => {
      try {
        const facts = await settings(this.job.id);
        await navigator.clipboard.writeText(JSON.stringify(facts, null, 2));
        onNotice("Settings copied.");
      } catch {
        onNotice("The browser refused to copy. Use the JSON link.");
      }
    });
  }

  /** Show the exports of finished jobs; without one, the mix-down only. */
  show(jobs, recording) {
    this.job = jobs.length === 1 ? jobs[0] : null;
    this.section.hidden = recording === null;
    this.rows.replaceChildren(...jobs.flatMap((job) => this.#rows(job, recording, jobs.length > 1)));
    this.ofResult.hidden = jobs.length === 0;
    this.section.querySelector(".of-one").hidden = this.job === null;
    if (this.job === null) return;
    this.settings.href = `${settingsUrl(this.job.id)}?download=true`;
    this.settings.download = "";
    this.command.textContent = this.job.command ?? "";
    this.copy.hidden = this.command.hidden = !this.job.command;
  }

  #rows(job, recording, several) {
    const formats = recording.has_video ? { ...SOUND_FORMATS, video: "Video" } : SOUND_FORMATS;
    return Object.entries(STEM_NAMES).map(([stem, title]) => {
      const of = several ? `${title} ${subject(job.request)}` : title;
      const links = Object.entries(formats).map(([format, label]) => {
        const link = element("a", {
          href: saved(stemUrl(job.id, stem, format)), download: true,
          "aria-label": format === "video" ? `Video with this sound: ${of}` : `${of} as ${label}`,
        }, label);
        // A WAV file is there; others are encoded first, which takes a while for an hour.
        if (format !== "wav") {
          link.addEventListener("click", (event) => {
            event.preventDefault();
            this.attempt(() => this.#encode(job.id, stem, format, `${of} as ${label}`));
          });
        }
        return link;
      });
      return element("div", { class: "stem-row" }, element("span", { class: `stem-name ${stem}` }, of), ...links);
    });
  }

  async #encode(job, stem, format, words) {
    try {
      for (;;) {
        const { ready, progress } = await copyState(job, stem, format);
        if (ready) break;
        this.say(`Encoding ${words}`, progress);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      save(saved(stemUrl(job, stem, format)), true);
    } finally {
      this.say(null);
    }
  }

  /** Show what is being made for a download, and the fraction done; null ends it. */
  say(words, fraction = 0) {
    this.state.hidden = words === null;
    this.state.querySelector("span").textContent = words === null ? "" : `${words}, ${Math.round(100 * fraction)} %`;
    this.state.querySelector("progress").value = fraction;
  }
}

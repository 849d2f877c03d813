// Exports: stems, mix-down, video, settings and command line.

import { settings, settingsUrl, stemUrl } from "./api.js";
import { element } from "./dom.js";
import { STEM_NAMES } from "./session.js";

/** URL of a download that browsers save. */
const saved = (url) => `${url}&download=true`;
const SOUND_FORMATS = { wav: "WAV", flac: "FLAC", mp3: "MP3", opus: "Opus" };
const stemOfName = (name) => name.replace(/\.[^.]*$/, "");

export class Downloads {
  constructor(section, onNotice) {
    this.section = section;
    this.rows = section.querySelector(".stem-rows");
    this.command = section.querySelector("#command");
    this.copy = section.querySelector("#copy");
    this.settings = section.querySelector("#settings");
    this.ofResult = section.querySelector(".of-result");
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

  /** Show a finished job's exports; for null, the mix-down only. */
  show(job, recording) {
    this.job = job;
    this.section.hidden = recording === null;
    this.ofResult.hidden = job === null;
    if (job === null) return;
    const base = stemOfName(recording.name);
    this.rows.replaceChildren(
      ...Object.entries(STEM_NAMES).map(([stem, title]) => {
        const links = Object.entries(SOUND_FORMATS).map(([format, label]) =>
          element("a", { href: saved(stemUrl(job.id, stem, format)), download: `${base}.${stem}.${format}`,
            "aria-label": `${title} as ${label}` }, label));
        if (recording.has_video) {
          links.push(element("a", { href: saved(stemUrl(job.id, stem, "video")), download: true,
            "aria-label": `Video with this sound: ${title}` }, "Video"));
        }
        return element("div", { class: "stem-row" },
          element("span", { class: `stem-name ${stem}` }, title), ...links);
      }));
    this.settings.href = settingsUrl(job.id);
    this.settings.download = `${base}.json`;
    this.command.textContent = job.command ?? "";
    this.copy.hidden = this.command.hidden = !job.command;
  }
}

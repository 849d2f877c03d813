// What is seen: the recording, the prompt, progress and results. Everything that computes is in
// worker.js.

import { decode } from "./decoding.js";
import { workOffline } from "./offline.js";
import { drawWaveform, watchDrags } from "./waveform.js";

const EXAMPLE = "farm.flac";
const at = (id) => document.getElementById(id);

let worker;
let number = 0; // of the newest request
let recording; // {name, seconds, peaks}
let result; // {target, rest}: the peaks
let marks = [];
const addresses = new Map(); // of the sounds that are shown, by the element that plays them

function startWorker() {
  worker = new Worker("worker.js", { type: "module" });
  worker.addEventListener("message", ({ data }) => {
    // Answers to older requests are dropped; but the model is loaded for all of them.
    if (data.number === number || ["loading", "fallback"].includes(data.type)) answers[data.type](data);
  });
  worker.addEventListener("error", (event) => {
    finish();
    fail(`The page's worker failed: ${event.message ?? "it could not be loaded"}.`);
  });
}

// Recordings

async function open(file) {
  clearProblem();
  send({ type: "cancel", number });
  const own = (number += 1);
  finish();
  try {
    const sound = await decode(file);
    if (own !== number) return; // another one was chosen meanwhile
    recording = {
      name: file.name,
      seconds: sound.channels[0].length / sound.sampleRate,
      peaks: undefined,
    };
    const channels = { 1: "mono", 2: "stereo" }[sound.channels.length];
    at("facts").textContent = [
      file.name,
      `${recording.seconds.toFixed(2)} s`,
      `${sound.sampleRate} Hz`,
      channels ?? `${sound.channels.length} channels`,
    ].join(", ");
    marks = [];
    showMarks();
    at("results").hidden = true;
    send({ type: "open", number: own, sound }, sound.channels.map((channel) => channel.buffer));
  } catch (error) {
    fail(error.message);
  }
}

// Requests

function send(message, transferred = []) {
  worker.postMessage(message, transferred);
}

function isolate() {
  clearProblem();
  number += 1;
  at("isolate").disabled = true;
  at("cancel").hidden = false;
  at("progress").hidden = false;
  at("progress").value = 0;
  at("status").textContent = "Starting";
  at("results").hidden = true;
  const prompt = { text: at("text").value, spans: marks };
  send({ type: "separate", number, device: at("device").value, prompt });
}

function cancel() {
  send({ type: "cancel", number });
  at("status").textContent = "Cancelling";
}

function finish() {
  at("isolate").disabled = false;
  at("cancel").hidden = true;
  at("progress").hidden = true;
  at("status").textContent = "";
}

const answers = {
  opened({ peaks, blob }) {
    recording.peaks = peaks;
    play("original-sound", blob);
    at("original").hidden = false;
    at("prompt").hidden = false;
    draw();
    // While the sound is being named, the model is loaded.
    send({ type: "load", number, device: at("device").value });
  },

  loading({ fraction }) {
    at("progress").value = fraction;
    at("status").textContent =
      fraction < 1 ? `Loading the model, ${Math.round(100 * fraction)} %` : "Preparing the model";
  },

  fallback() {
    at("device").value = "wasm";
    at("devices").hidden = true;
  },

  loaded() {
    at("status").textContent = "";
  },

  progress({ fraction }) {
    at("progress").value = fraction;
    at("status").textContent = `Separating, ${Math.round(100 * fraction)} %`;
  },

  separated({ target, rest, name, finding, levelDb, seconds }) {
    finish();
    result = { target: target.peaks, rest: rest.peaks };
    const stem = recording.name.replace(/\.\w+$/, "");
    const slug = name.replace(/[^\p{L}\p{N}]+/gu, "-");
    for (const [kind, { blob }] of Object.entries({ target, rest })) {
      const address = play(`${kind}-sound`, blob);
      at(`${kind}-file`).href = address;
      at(`${kind}-file`).download = `${stem}.${slug}.${kind === "rest" ? "residual" : kind}.wav`;
    }
    at("target-title").textContent = `Isolated: ${name}`;
    at("finding").textContent = found(finding, levelDb);
    at("status").textContent = `Done in ${seconds.toFixed(1)} s`;
    at("results").hidden = false;
    draw();
  },

  cancelled() {
    finish();
    at("status").textContent = "Cancelled";
  },

  failed({ message, expected }) {
    finish();
    fail(expected ? message : `This did not work: ${message}. Reload the page and try again.`);
  },
};

function found(finding, levelDb) {
  const silent = levelDb < -40 ? " The result is nearly silent." : "";
  if (!finding) return silent.trim();
  if (finding.presence === "absent") {
    const confidence = finding.confidence.toFixed(2);
    return `Probably not in this recording (confidence ${confidence}).${silent}`;
  }
  const times = (sure) =>
    finding.found
      .filter((one) => one.sure === sure)
      .slice(0, 12)
      .map(({ start, end }) => `${clock(start)} to ${clock(end)}`)
      .join(", ");
  const said = [
    [times(true), "sure"],
    [times(false), "unsure"],
  ].filter(([list]) => list !== "");
  return `Heard at ${said.map(([list, word]) => `${list} (${word})`).join("; ")}.${silent}`;
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const rest = (seconds - 60 * Math.floor(whole / 60)).toFixed(1).padStart(4, "0");
  return `${Math.floor(whole / 60)}:${rest}`;
}

// Marks

function addMark(start, end) {
  const last = Math.min(end, recording.seconds);
  if (!(start >= 0 && last > start)) {
    fail(`A mark needs a start and a later end, from 0 to ${recording.seconds.toFixed(2)} s.`);
    return;
  }
  clearProblem();
  marks.push({ start, end: last });
  showMarks();
}

function showMarks() {
  at("marks").replaceChildren(
    ...marks.map((mark) => {
      const item = document.createElement("li");
      const times = `${mark.start.toFixed(2)} to ${mark.end.toFixed(2)} s`;
      const remove = document.createElement("button");
      remove.type = "button";
      remove.className = "plain";
      remove.textContent = "Remove";
      remove.setAttribute("aria-label", `Remove the mark ${times}`);
      remove.addEventListener("click", () => {
        marks = marks.filter((other) => other !== mark);
        showMarks();
        at("mark").focus();
      });
      item.append(times, remove);
      return item;
    }),
  );
  draw();
}

// Pictures and sounds

function draw(dragged) {
  if (recording?.peaks === undefined) return;
  const shown = dragged === undefined ? marks : [...marks, dragged];
  drawWaveform(at("waveform"), recording.peaks, "--track-original", shown, recording.seconds);
  if (result !== undefined && !at("results").hidden) {
    drawWaveform(at("target-picture"), result.target, "--track-isolated");
    drawWaveform(at("rest-picture"), result.rest, "--track-without");
  }
}

function play(id, blob) {
  const address = URL.createObjectURL(blob);
  at(id).src = address;
  URL.revokeObjectURL(addresses.get(id));
  addresses.set(id, address);
  return address;
}

function fail(message) {
  at("problem").textContent = message;
  at("problem").hidden = false;
}

function clearProblem() {
  at("problem").hidden = true;
}

// Everything that a person can do

at("file").addEventListener("change", ({ target }) => {
  if (target.files.length > 0) open(target.files[0]);
  target.value = ""; // the same file can be chosen again
});
at("example").addEventListener("click", async () => {
  try {
    const bytes = await (await fetch(EXAMPLE)).blob();
    open(new File([bytes], EXAMPLE));
  } catch {
    fail("The example could not be loaded. Choose a file instead.");
  }
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    at("drop").classList.add("dragged");
  });
}
for (const name of ["dragleave", "drop"]) {
  document.addEventListener(name, () => at("drop").classList.remove("dragged"));
}
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file !== undefined) open(file);
});
at("prompt").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!at("isolate").disabled) isolate();
});
at("cancel").addEventListener("click", cancel);
at("mark").addEventListener("click", () =>
  addMark(at("start").valueAsNumber, at("end").valueAsNumber),
);
const seconds = (stretch) =>
  stretch && {
    start: stretch.start * recording.seconds,
    end: stretch.end * recording.seconds,
  };
watchDrags(
  at("waveform"),
  (stretch) => draw(seconds(stretch)),
  (stretch) => {
    const { start, end } = seconds(stretch);
    if (end - start >= 0.04) addMark(start, end);
    else draw();
  },
);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => draw());

async function offerDevices() {
  const adapter = await navigator.gpu?.requestAdapter().catch(() => null);
  if (!adapter) return;
  at("devices").hidden = false;
  // A fallback is a program on the processor, and far slower than WebAssembly.
  const fallback = adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter ?? false;
  if (!fallback) at("device").value = "webgpu";
}

async function showWeight() {
  const { files } = await (await fetch("files.json")).json();
  const needed = Object.entries(files)
    .filter(([name]) => !name.startsWith("runtime/") || /simd-threaded\.wasm$/.test(name))
    .reduce((sum, [, size]) => sum + size, 0);
  at("weight").textContent =
    `The first time, the model is loaded: ${Math.round(needed / 1e6)} MB. After that the page works ` +
    "without a network.";
}

startWorker();
showWeight().catch(() => fail("The page is not whole: files.json is missing on the server."));
offerDevices();
workOffline();

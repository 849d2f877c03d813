// Everything that computes. Messages in: open, load, separate, cancel; out: opened, loading, fallback,
// loaded, progress, separated, cancelled, failed. Each answer carries the number of the request that it belongs to.

import { Networks } from "./networks.js";
import { peaksOf } from "./samples.js";
import { Separator } from "./separation.js";
import { writeWav } from "./wav.js";

const PEAKS = 1200;

let recording;
let loaded; // {device, separator}: a promise of the model
let cancelled = -1;

class Cancelled extends Error {}

self.addEventListener("message", async ({ data }) => {
  const answer = (type, facts = {}) => self.postMessage({ type, number: data.number, ...facts });
  try {
    await requests[data.type](data, answer);
  } catch (error) {
    if (error instanceof Cancelled) answer("cancelled");
    else answer("failed", { message: error.message, expected: error.name === "PromptError" });
  }
});

const requests = {
  open({ sound }, answer) {
    recording = sound;
    const { channels, sampleRate, format } = sound;
    answer("opened", {
      peaks: peaksOf(channels, PEAKS),
      blob: writeWav(channels, sampleRate, format),
    });
  },

  async load({ device }, answer) {
    await model(device, answer);
    answer("loaded");
  },

  async separate({ number, device, prompt }, answer) {
    const separator = await model(device, answer);
    const own = recording;
    const started = performance.now();
    const { target, rest, ...facts } = await separator.separate(
      own,
      prompt,
      async (fraction) => {
        answer("progress", { fraction });
        await nextTask();
        if (cancelled >= number) throw new Cancelled();
      },
    );
    const [targetFile, restFile] = [target, rest].map((channels) => ({
      peaks: peaksOf(channels, PEAKS),
      blob: writeWav(channels, own.sampleRate, own.format),
    }));
    const seconds = (performance.now() - started) / 1000;
    answer("separated", { ...facts, target: targetFile, rest: restFile, seconds });
  },

  cancel({ number }) {
    cancelled = number;
  },
};

// The model on a device, loaded once.
async function model(device, answer) {
  if (loaded?.device !== device) {
    loaded = { device };
    loaded.separator = load(loaded, answer);
  }
  const own = loaded;
  try {
    return await own.separator;
  } catch (error) {
    if (loaded === own) loaded = undefined; // the next request tries again
    throw error;
  }
}

async function load(own, answer) {
  const report = (fraction) => answer("loading", { fraction });
  try {
    return new Separator(await Networks.load(own.device, report));
  } catch (error) {
    if (own.device === "wasm") throw error;
    own.device = "wasm"; // where everything runs
    answer("fallback");
    return new Separator(await Networks.load(own.device, report));
  }
}

// Let messages in, a cancellation among them.
function nextTask() {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

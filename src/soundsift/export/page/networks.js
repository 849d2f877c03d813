// The model's networks, run by ONNX Runtime.

const RUNTIMES = { wasm: "ort.wasm.min.mjs", webgpu: "ort.webgpu.min.mjs" };
const MOST_THREADS = 8;

export class Networks {
  // Load the model beside this page. `device` is "wasm" or "webgpu"; `report` is called with the
  // fraction of bytes that are there.
  static async load(device, report) {
    const base = new URL("./", import.meta.url);
    const { files } = await json(new URL("files.json", base));
    const progress = new DownloadProgress(files, report);
    const [ort, settings, tokenizer, separator, text, hearing] = await Promise.all([
      import(new URL(`runtime/${RUNTIMES[device]}`, base).href),
      json(new URL("model/settings.json", base)),
      json(new URL("model/tokenizer.json", base)),
      ...["separator", "text", "hearing"].map((name) => progress.fetch(base, `model/${name}.onnx`)),
    ]);
    ort.env.wasm.wasmPaths = new URL("runtime/", base).href;
    ort.env.wasm.numThreads = threads();
    const networks = new Networks(ort, settings, tokenizer);
    // One after the other: each needs its weights twice while it is made.
    networks.text = await networks._session(text, "wasm");
    networks.hearing = hearing && (await networks._session(hearing, device));
    networks.separator = await networks._session(separator, device);
    return networks;
  }

  constructor(ort, settings, tokenizer) {
    this.ort = ort;
    this.settings = settings;
    this.tokenizer = tokenizer;
  }

  _session(bytes, device) {
    return this.ort.InferenceSession.create(bytes, {
      executionProviders: [device],
      graphOptimizationLevel: "all",
      logSeverityLevel: 3, // errors
    });
  }

  // Token states of a phrase from its token ids: {values, tokens}.
  async states(ids) {
    const { states } = await this.text.run({
      tokens: this._tensor("int32", Int32Array.from(ids), [1, ids.length]),
      mask: this._tensor("bool", new Uint8Array(ids.length).fill(1), [1, ids.length]),
    });
    return { values: states.data, tokens: ids.length };
  }

  // Latents of a window: frames times twice the codec's bands. `states` is null without text.
  async latents(context, anchors, states) {
    const width = this.settings.text_width;
    const tokens = states?.tokens ?? 1;
    const { latents } = await this.separator.run({
      context: this._tensor("float32", context, [1, anchors.length, context.length / anchors.length]),
      states: this._tensor("float32", states?.values ?? new Float32Array(width), [1, tokens, width]),
      mask: this._tensor("bool", new Uint8Array(tokens).fill(states === null ? 0 : 1), [1, tokens]),
      anchors: this._tensor("int32", anchors, [1, anchors.length]),
    });
    return latents.data;
  }

  // For each phrase, the probability that each frame holds its sound.
  async probabilities(context, frames, phrases) {
    const width = this.settings.text_width;
    const tokens = Math.max(...phrases.map((phrase) => phrase.tokens));
    const states = new Float32Array(phrases.length * tokens * width);
    const mask = new Uint8Array(phrases.length * tokens);
    phrases.forEach((phrase, i) => {
      states.set(phrase.values, i * tokens * width);
      mask.fill(1, i * tokens, i * tokens + phrase.tokens);
    });
    const { probabilities } = await this.hearing.run({
      context: this._tensor("float32", context, [1, frames, context.length / frames]),
      states: this._tensor("float32", states, [phrases.length, tokens, width]),
      mask: this._tensor("bool", mask, [phrases.length, tokens]),
    });
    return phrases.map((_, i) => probabilities.data.slice(i * frames, (i + 1) * frames));
  }

  _tensor(type, data, shape) {
    return new this.ort.Tensor(type, data, shape);
  }
}

// Threads share memory, which browsers allow to isolated pages only.
function threads() {
  const cores = navigator.hardwareConcurrency ?? 1;
  if (!globalThis.crossOriginIsolated) return 1;
  // Cores often count twice, and the second time they add little.
  return Math.min(MOST_THREADS, cores <= 4 ? cores : Math.ceil(cores / 2));
}

async function json(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.pathname} is missing on the server (${answer.status})`);
  return answer.json();
}

class DownloadProgress {
  constructor(files, report) {
    this.files = files;
    this.report = report;
    this.wanted = 0;
    this.there = 0;
  }

  // The bytes of a file; undefined for one that this page has not.
  async fetch(base, name) {
    if (this.files[name] === undefined) return undefined;
    this.wanted += this.files[name];
    const answer = await fetch(new URL(name, base));
    if (!answer.ok) throw new Error(`${name} is missing on the server (${answer.status})`);
    const bytes = new Uint8Array(this.files[name]);
    let filled = 0;
    const reader = answer.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      bytes.set(part.value, filled);
      filled += part.value.length;
      this.there += part.value.length;
      this.report(this.there / this.wanted);
    }
    if (filled !== bytes.length) throw new Error(`${name} is not whole`);
    return bytes;
  }
}

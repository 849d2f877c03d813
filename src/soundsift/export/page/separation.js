// From a recording and a prompt to target and rest, as soundsift/separation: windows of 10 s that are
// fused where they overlap, for any length.

import { anyOf, findOccurrences, predictSpans } from "./listening.js";
import { MelCodec } from "./mel-codec.js";
import { normaliseText, readPhrases, shownPhrases } from "./phrases.js";
import { PromptError } from "./prompt-error.js";
import { resample } from "./resampling.js";
import { complement, energy, normalisationOf, normalise } from "./samples.js";
import { frameAnchors, markedStretch, OPEN, UNMARKED } from "./spans.js";
import { Tokenizer } from "./tokenizer.js";
import { Fusion, hearingWindows, overlappingWindows } from "./windows.js";

// How long the parts of the work take, relative to each other.
const COST = { hearing: 1, window: 1, mask: 0.5 };

export class Separator {
  constructor(networks) {
    this.networks = networks;
    this.settings = networks.settings;
    this.codec = new MelCodec(this.settings.codec);
    this.rate = this.settings.codec.frame_rate;
    this.tokenizer = new Tokenizer(networks.tokenizer, this.settings.most_tokens);
    this.states = new Map();
  }

  // Separate a sound. `recording` is {channels, sampleRate, format}, `prompt` {text, spans}. `step` is
  // awaited between the parts of the work, with the fraction done, and may throw to end it.
  // {target, rest, name, finding, levelDb}: the stems are channels like the recording's.
  async separate(recording, prompt, step) {
    const { sounds, inverted } = checkedPrompt(prompt, recording);
    const normalisation = normalisationOf(recording.channels);
    const channels = normalise(recording.channels, normalisation);
    const waves = channels.map((channel) =>
      resample(channel, recording.sampleRate, this.codec.sampleRate),
    );
    await step(0);
    const states = await Promise.all(sounds.map((sound) => sound && this._statesOf(sound)));
    const work = this._plan(waves[0].length, sounds);
    const advance = (cost) => {
      work.done += cost;
      return step(work.done / work.total);
    };
    const heard = await this._hear(waves, states, work, advance);
    const marks = sounds.map((sound, i) => this._marks(prompt.spans, heard?.[i]));
    const examples = marks.map((spans) =>
      this._example({ channels, sampleRate: recording.sampleRate }, spans, work),
    );
    const cells = await this._cells(waves, states, marks, examples, work, advance);
    const before = work.done;
    const masked = await this.codec.applyMask(cells, waves, (fraction) => {
      work.done = before;
      return advance(fraction * work.mask);
    });
    const estimate = masked.map((channel) =>
      resample(channel, this.codec.sampleRate, recording.sampleRate),
    );
    const stems = recording.channels.map((mixture, i) => {
      const own = estimate[i].map((sample) => sample / normalisation.gain);
      return complement(mixture, fitted(own, mixture.length), recording.format);
    });
    const [target, rest] = [0, 1].map((number) => stems.map((pair) => pair[number]));
    const result = inverted ? { target: rest, rest: target } : { target, rest };
    const level = 10 * Math.log10((energy(result.target) + 1e-20) / (energy(recording.channels) + 1e-20));
    return {
      ...result,
      name: prompt.text === "" ? "marked sound" : shownPhrases({ sounds, inverted }),
      finding: heard && findOccurrences(anyOf(heard), this.settings.hearing, this.rate),
      marks,
      levelDb: level,
    };
  }

  async _statesOf(phrase) {
    if (!this.states.has(phrase)) {
      const made = await this.networks.states(this.tokenizer.encode(phrase));
      this.states.set(phrase, { values: made.values.slice(), tokens: made.tokens });
    }
    return this.states.get(phrase);
  }

  _plan(samples, sounds) {
    const { settings, codec } = this;
    const frames = codec.frames(samples);
    const windows = overlappingWindows(frames, settings.window_frames, settings.overlap_frames);
    const listens = settings.hearing !== null && sounds[0] !== null;
    const heard = listens
      ? hearingWindows(
          frames,
          settings.hearing.window_frames,
          Math.round(settings.hearing.overlap_seconds * this.rate),
          settings.hearing.shortest_frames,
        )
      : [];
    const mask = (COST.mask * frames) / settings.window_frames;
    const hearing = heard.reduce((sum, { start, end }) => sum + end - start, 0);
    const total =
      (COST.hearing * hearing) / settings.window_frames +
      COST.window * windows.length * sounds.length +
      mask;
    return { frames, windows, heard, mask, total, done: 0 };
  }

  // For each phrase, the probability of each frame; undefined if nothing is listened for.
  async _hear(waves, states, work, advance) {
    if (work.heard.length === 0) return undefined;
    const { window_frames: length } = this.settings.hearing;
    const rows = states.map(() => new Fusion(work.frames, length, 1));
    for (const window of work.heard) {
      const frames = window.end - window.start;
      const context = this.codec.context(waves, window.start, window.end);
      const found = await this.networks.probabilities(context, frames, states);
      found.forEach((row, i) => rows[i].add(window, row));
      await advance((COST.hearing * frames) / this.settings.window_frames);
    }
    return rows.map((row) => row.mean());
  }

  _marks(spans, probabilities) {
    const { hearing } = this.settings;
    if (spans.length > 0 || probabilities === undefined || !hearing.predict_spans) return spans;
    return predictSpans(probabilities, hearing, this.rate);
  }

  // The target's share of each cell of the recording, all phrases together.
  async _cells(waves, states, marks, examples, work, advance) {
    const channels = 2 * this.codec.bands;
    const answers = marks.map(
      () => new Fusion(work.frames, this.settings.window_frames, channels),
    );
    for (const window of work.windows) {
      const context = this.codec.context(waves, window.start, window.end);
      for (let i = 0; i < marks.length; i += 1) {
        const answer = await this._answer(context, window, marks[i], examples[i], states[i]);
        answers[i].add(window, answer);
        await advance(COST.window);
      }
    }
    const masks = answers.map((answer) => this.codec.cellMask(answer.mean()));
    return masks[0].map((_, i) =>
      Math.min(1, masks.reduce((sum, mask) => sum + mask[i], 0)),
    );
  }

  // A marked moment that is put in front of windows without a mark; null for none. It is resampled by
  // itself: cut out of the whole at the codec's rate, its ends would have more of the highest bands.
  _example({ channels, sampleRate }, spans, work) {
    if (spans.length === 0 || this.settings.example === null || work.windows.length < 2) return null;
    const anchors = frameAnchors(spans, work.frames, this.rate);
    const stretch = markedStretch(anchors, this.settings.example);
    if (stretch === undefined) return null;
    const [first, last] = stretch.map((frame) => (frame * sampleRate) / this.rate);
    const frames = stretch[1] - stretch[0];
    const waves = channels.map((channel) =>
      resample(
        channel.subarray(Math.floor(first), Math.ceil(last)),
        sampleRate,
        this.codec.sampleRate,
      ).subarray(0, frames * this.codec.samplesPerFrame),
    );
    return {
      context: this.codec.context(waves, 0, frames),
      anchors: anchors.subarray(...stretch),
    };
  }

  async _answer(context, { start, end }, spans, example, states) {
    const marked = frameAnchors(spans, end, this.rate).subarray(start);
    if (example === null || marked.some((id) => id !== UNMARKED)) {
      return this.networks.latents(context, marked, states);
    }
    const own = marked.slice().fill(OPEN);
    const latents = await this.networks.latents(
      joined(Float32Array, example.context, context),
      joined(Int32Array, example.anchors, own),
      states,
    );
    return latents.subarray(example.anchors.length * 2 * this.codec.bands);
  }
}

// The phrases of a prompt, [null] without text, and whether the target is everything else.
export function checkedPrompt({ text, spans }, { channels, sampleRate }) {
  const plain = normaliseText(text);
  const seconds = channels[0].length / sampleRate;
  if (plain === "" && spans.length === 0) {
    throw new PromptError("Name the sound, such as “dog barking”, or mark when it is heard.");
  }
  for (const { start, end } of spans) {
    if (!(start >= 0 && end > start)) {
      throw new PromptError(`The mark ${start} to ${end} s is empty. Use an end after the start.`);
    }
    if (start >= seconds || end > seconds + 0.04) {
      throw new PromptError(
        `The mark ${start} to ${end} s is outside the recording. Use times from 0 to ` +
          `${seconds.toFixed(3)} s.`,
      );
    }
  }
  if (plain === "") return { sounds: [null], inverted: false };
  const { sounds, inverted } = readPhrases(plain);
  if (inverted && spans.length > 0) {
    throw new PromptError(
      `“${shownPhrases({ sounds, inverted })}” can't be combined with a mark, which could belong to ` +
        `either part. Name ${sounds.join(", ")} with the mark, and take the rest.`,
    );
  }
  return { sounds, inverted };
}

function joined(Kind, first, second) {
  const whole = new Kind(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}

// The resampler may end a sample early or late.
function fitted(channel, length) {
  if (channel.length >= length) return channel.subarray(0, length);
  const whole = new Float32Array(length);
  whole.set(channel);
  return whole;
}

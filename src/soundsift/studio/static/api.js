// The server's HTTP API, as functions. Every refusal becomes an ApiError with a sentence to show.

export class ApiError extends Error {
  constructor(message, status, retryAfter = null) {
    super(message);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

async function refusal(response) {
  let sentence = `The server answered ${response.status} ${response.statusText}.`;
  try {
    const detail = (await response.json()).detail;
    if (typeof detail === "string") sentence = detail;
  } catch {
    // No JSON: the sentence above stays.
  }
  const seconds = Number.parseInt(response.headers.get("Retry-After"), 10);
  const retryAfter = Number.isNaN(seconds) ? null : seconds;
  if (response.status === 503 && retryAfter !== null) {
    const wait = retryAfter < 90 ? `${retryAfter} s` : `${Math.round(retryAfter / 60)} minutes`;
    sentence = `${sentence.replace(/ Try again later\.$/, "")} Try again in ${wait}.`;
  }
  return new ApiError(sentence, response.status, retryAfter);
}

async function ask(method, path, body, signal) {
  const options = { method, signal };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(`/api${path}`, options);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("The server cannot be reached. Check that soundsift is running.", 0);
  }
  if (!response.ok) throw await refusal(response);
  return response;
}

async function call(method, path, body, signal) {
  const text = await (await ask(method, path, body, signal)).text();
  return text ? JSON.parse(text) : null;
}

export const info = () => call("GET", "/info");
/** All recordings, last used first. */
export const recordings = async () => (await call("GET", "/recordings")).recordings;
/** Sounds that are heard in a recording: `{ status, sounds }`; the first request begins to listen. */
export const heard = (id) => call("GET", `/recordings/${encodeURIComponent(id)}/heard`);
export const renameRecording = (id, name) => call("PATCH", `/recordings/${encodeURIComponent(id)}`, { name });
/** Delete a recording with its results. */
export const deleteRecording = (id) => call("DELETE", `/recordings/${encodeURIComponent(id)}?results=true`);
/** The object in each picture with marks, `{ points, boxes }`: `[{ start, end, width, height, polygons }]`. */
export const outlines = async (id, marks, signal) =>
  (await call("POST", `/recordings/${encodeURIComponent(id)}/outlines`, marks, signal)).outlines;
/** Follow the clicked object; `onLines` receives the lines of the answer as they come. */
export async function followObject(id, marks, onLines, signal) {
  const response = await ask("POST", `/recordings/${encodeURIComponent(id)}/outlines/followed`, marks, signal);
  const decoder = new TextDecoder();
  let rest = "";
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split("\n");
    rest = lines.pop();
    if (lines.length > 0) onLines(lines.map((line) => JSON.parse(line)));
  }
}
export const recording = (id) => call("GET", `/recordings/${encodeURIComponent(id)}`);
/** All jobs, newest first. */
export const jobs = async () => (await call("GET", "/jobs?limit=1000")).jobs;
export const job = (id) => call("GET", `/jobs/${encodeURIComponent(id)}`);
export const startJob = (request) => call("POST", "/jobs", request);
export const cancelJob = (id) => call("POST", `/jobs/${encodeURIComponent(id)}/cancel`);
export const deleteJob = (id) => call("DELETE", `/jobs/${encodeURIComponent(id)}`);

export const audioUrl = (id, format = "wav") =>
  `/api/recordings/${encodeURIComponent(id)}/audio?format=${format}`;
/** URLs of a sound's peaks and of a tile of its spectrogram, from the URL of the sound. */
export const peaksUrl = (soundUrl, points, start, end) =>
  `${partsUrl(soundUrl)}/peaks?points=${points}${end === undefined ? "" : `&start=${start}&end=${end}`}`;
export const spectrogramUrl = (soundUrl, level, tile) => `${partsUrl(soundUrl)}/spectrogram/${level}/${tile}`;
const partsUrl = (soundUrl) => soundUrl.replace(/(\/audio)?\?.*$/, "");
export const videoUrl = (id) => `/api/recordings/${encodeURIComponent(id)}/video`;
export const stemUrl = (id, stem, format = "wav") =>
  `/api/jobs/${encodeURIComponent(id)}/stems/${stem}?format=${format}`;
/** Encode a stem in a format; `{ ready, progress }`. */
export const copyState = (id, stem, format) =>
  call("POST", `/jobs/${encodeURIComponent(id)}/stems/${stem}/copy?format=${format}`);
export const settingsUrl = (id) => `/api/jobs/${encodeURIComponent(id)}/settings`;
/** Everything needed to reproduce a result. */
export const settings = (id) => call("GET", `/jobs/${encodeURIComponent(id)}/settings`);

/** Upload a file; `onProgress` receives the fraction sent, 0 to 1. */
export function upload(file, onProgress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("file", file, file.name);
    // fetch cannot tell how much of a body is sent; XMLHttpRequest can.
    const request = new XMLHttpRequest();
    request.open("POST", "/api/recordings");
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    request.onerror = () =>
      reject(new ApiError("The file could not be sent. Check that soundsift is running.", 0));
    request.onload = () => {
      let answer = null;
      try {
        answer = JSON.parse(request.responseText);
      } catch {
        // Reported below.
      }
      if (request.status < 300 && answer) resolve(answer);
      else {
        const said = typeof answer?.detail === "string" ? answer.detail : null;
        const sentence = said ?? `The server answered ${request.status} ${request.statusText}.`;
        reject(new ApiError(sentence, request.status));
      }
    };
    request.send(form);
  });
}

const FINAL = new Set(["done", "failed", "cancelled"]);
export const isFinal = (status) => FINAL.has(status);

/** Most streams of events: each holds one of the six connections that browsers open to a host. */
const MOST_STREAMS = 2;
let streams = 0;

/**
 * Follow a job until it ends. Returns a function that stops following.
 * If there are many jobs, or if the stream of events fails for good, the job is polled once a second.
 */
export function follow(id, onChange) {
  const streaming = streams < MOST_STREAMS;
  const events = streaming ? new EventSource(`/api/jobs/${encodeURIComponent(id)}/events`) : null;
  if (streaming) streams += 1;
  let timer = null;
  let stopped = false;
  const stop = () => {
    if (!stopped && streaming) streams -= 1;
    stopped = true;
    events?.close();
    clearTimeout(timer);
  };
  const take = (state) => {
    if (stopped) return;
    if (isFinal(state.status)) stop();
    onChange(state);
  };
  const poll = async () => {
    try {
      take(await job(id));
    } catch (error) {
      if (error.status === 404) stop();
    }
    if (!stopped) timer = setTimeout(poll, 1000);
  };
  if (!streaming) {
    poll();
    return stop;
  }
  for (const name of ["progress", "done", "failed", "cancelled"]) {
    events.addEventListener(name, (event) => take(JSON.parse(event.data)));
  }
  events.onerror = () => {
    if (!stopped && events.readyState === EventSource.CLOSED && timer === null) poll();
  };
  return stop;
}

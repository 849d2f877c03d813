// The studio's page: connects its parts, each in the file named after it.

import * as api from "./api.js";
import { button, byId, element } from "./dom.js";
import { Downloads } from "./downloads.js";
import { differences, History } from "./history.js";
import { Tracks } from "./tracks.js";
import { mixDown, save } from "./mixdown.js";
import { setUpUpload } from "./upload.js";
import { Video } from "./video.js";
import { Player } from "./player.js";
import { Prompt } from "./prompt.js";
import { Progress } from "./progress.js";
import { sameSource, Session, STEM_NAMES, subject } from "./session.js";
import { setUpShortcuts } from "./shortcuts.js";
import { SpanList } from "./span-list.js";
import { clock, fromRequest, Spans } from "./spans.js";

const NOTICE_MS = 6000;

const session = new Session();
const spans = new Spans();
const player = new Player();
const tracks = new Tracks(byId("tracks"), player, spans);
const video = new Video(byId("video-panel"), byId("video"), player);
const prompt = new Prompt(byId("prompt"), spans, start);
const progress = new Progress(byId("progress"), cancel);
const downloads = new Downloads(byId("downloads"), notice);
const history = new History(byId("history"), session, { show, redo, compare, remove });
new SpanList(byId("span-list"), spans);

// Messages

let noticeTimer = null;
function notice(sentence) {
  clearTimeout(noticeTimer);
  byId("notice").textContent = sentence;
  byId("notice").hidden = false;
  noticeTimer = setTimeout(() => (byId("notice").hidden = true), NOTICE_MS);
}

function showError(sentence) {
  const box = byId("error");
  box.hidden = !sentence;
  box.replaceChildren();
  if (sentence) box.append(sentence, button("×", () => showError(null), { "aria-label": "Dismiss" }));
}

/** Run a button's action and show its error. */
async function attempt(work) {
  try {
    showError(null);
    return await work();
  } catch (error) {
    showError(error.message);
    return null;
  }
}

// Turns

function formNow() {
  return { ...prompt.read(), marks: spans.all };
}

function fillForm(form) {
  prompt.fill(form);
  spans.reset(session.recording.seconds, form.marks ?? fromRequest(form));
}

function go(view) {
  session.go(view, formNow());
}

function start(request) {
  return attempt(async () => {
    const { source } = session.view;
    const { id } = await api.startJob({ ...request, recording: source });
    watch(await api.job(id));
  });
}

/** Add a job to the session and follow it until it ends. */
function watch(job) {
  session.take(job);
  if (api.isFinal(job.status)) arrived(job);
  else
    api.follow(job.id, (state) => {
      session.take(state);
      if (api.isFinal(state.status)) arrived(state);
    });
}

function arrived(job) {
  if (job.recording !== session.recording?.id) return;
  const words = subject(job.request);
  if (job.status === "failed") showError(job.error ?? "The job failed.");
  else if (job.status === "cancelled") notice(`Cancelled: ${words}.`);
  else if (!session.view.compare && sameSource(session.view.source, job.request.recording)) {
    go({ source: session.view.source, job: job.id });
  } else notice(`${words} is ready, in the history.`);
}

function cancel(id) {
  return attempt(async () => {
    await api.cancelJob(id);
    // Its events report the end.
    session.take(await api.job(id));
  });
}

function show(job) {
  go({ source: job.request.recording, job: job.id });
}

function redo(job) {
  go({ source: job.request.recording, job: job.status === "done" ? job.id : null });
  fillForm(job.request);
  prompt.text.focus();
}

function compare(job) {
  const pinned = history.pinned;
  history.pinned = pinned === null ? job.id : null;
  if (pinned === null || pinned === job.id) {
    history.draw();
    if (pinned === null) notice("Press Compare on a second result.");
    return;
  }
  const stem = job.request.mode === "remove" ? "residual" : "target";
  go({ source: job.request.recording, compare: { a: pinned, b: job.id, stem } });
}

function remove(job) {
  return attempt(async () => {
    await api.deleteJob(job.id);
    session.drop(job.id);
  });
}

function goOnFrom(job, stem) {
  go({ source: { job: job.id, stem } });
  fillForm({ text: "", marks: [] });
  prompt.text.focus();
}

function undo() {
  const form = session.undo();
  if (form) fillForm(form);
}

// Views

const sourceUrl = (source) =>
  typeof source === "string" ? api.audioUrl(source) : api.stemUrl(source.job, source.stem);

const stemTone = (stem) => (stem === "target" ? "isolated" : "without");

/** Tracks of the session's view, which of them are A and B, and which is heard first. */
function plan() {
  const { source, compare: pair } = session.view;
  const original = typeof source === "string";
  const before = {
    key: "source", tone: "original", title: original ? "Original" : "Before",
    about: original ? null : session.describe(source), url: sourceUrl(source), marked: true,
  };
  if (pair) {
    const side = (letter, id) => {
      const job = session.jobs.get(id);
      return {
        key: letter, tone: letter === "a" ? "isolated" : "other", title: `${letter.toUpperCase()}: ${subject(job.request)}`,
        about: STEM_NAMES[pair.stem].toLowerCase(), url: api.stemUrl(id, pair.stem),
      };
    };
    return { tracks: [before, side("a", pair.a), side("b", pair.b)], pair: ["a", "b"], heard: "a" };
  }
  const job = session.shown;
  if (job === null) return { tracks: [before], pair: ["source", null], heard: null };
  const stems = ["target", "residual"].map((stem) => ({
    key: stem, tone: stemTone(stem), title: STEM_NAMES[stem], about: subject(job.request),
    url: api.stemUrl(job.id, stem),
    actions: [button("Go on from this", () => goOnFrom(job, stem), {
      title: "Use this track as the input of the next turn", "aria-label": `Go on from: ${STEM_NAMES[stem]}`,
    })],
  }));
  const wanted = job.request.mode === "remove" ? "residual" : "target";
  return { tracks: [before, ...stems], pair: ["source", wanted], heard: wanted };
}

function drawPath() {
  const { source } = session.view;
  const path = session.path(source);
  byId("path").replaceChildren(
    ...path.map((turn, at) =>
      element("li", {}, at === path.length - 1
        ? element("span", { "aria-current": "step" }, session.describe(turn))
        : button(session.describe(turn), () => go({ source: turn }), { class: "quiet" }))));
  byId("undo").disabled = !session.canUndo;
  byId("turns").hidden = !session.canUndo && path.length === 1;
}

function drawComparison() {
  const box = byId("comparison");
  const pair = session.view.compare;
  box.hidden = !pair;
  if (!pair) return;
  const [a, b] = [session.jobs.get(pair.a), session.jobs.get(pair.b)];
  const rows = differences(a.request, b.request);
  box.replaceChildren(
    element("strong", {}, "A → B"),
    element("span", {}, rows.length ? rows.join(" · ") : "the same settings"),
    ...Object.entries(STEM_NAMES).map(([stem, title]) =>
      button(title, () => go({ ...session.view, compare: { ...pair, stem } }), {
        class: "toggle", "aria-pressed": String(stem === pair.stem) })));
}

async function drawView() {
  const recording = session.recording;
  byId("welcome").hidden = true;
  byId("studio").hidden = byId("open-other").hidden = false;
  const facts = [clock(recording.seconds), `${recording.sample_rate / 1000} kHz`,
    { 1: "mono", 2: "stereo" }[recording.channels] ?? `${recording.channels} channels`];
  byId("recording").replaceChildren(
    element("strong", {}, recording.name), element("span", {}, facts.join(" · ")));
  document.title = `${recording.name} – Soundsift studio`;
  video.show(recording.has_video ? api.videoUrl(recording.id) : null);
  drawPath();
  drawComparison();
  history.draw();
  downloads.show(session.shown, recording);
  const { tracks: wanted, ...listening } = plan();
  await attempt(() => tracks.show(wanted, listening));
  drawAB();
}

function drawJobs() {
  if (!session.recording) return;
  progress.draw(session.own);
  history.draw();
}

function open(recording) {
  showError(null);
  tracks.forgetSounds();
  player.pause();
  player.currentTime = 0;
  session.open(recording);
  fillForm({ text: "", marks: [] });
  prompt.text.focus();
}

// Transport

function drawAB() {
  const heard = tracks.heard;
  byId("ab").disabled = !tracks.canSwitch;
  [...byId("ab").children].forEach((letter) => letter.classList.toggle("on", letter.textContent === heard));
  byId("ab").setAttribute("aria-label", `Switch between A and B${heard ? `; ${heard} is heard` : ""}`);
}

function drawTime() {
  byId("time").value = `${clock(player.currentTime)} / ${clock(player.duration)}`;
}

function drawPlay() {
  byId("play").classList.toggle("playing", !player.paused);
  byId("play").setAttribute("aria-label", player.paused ? "Play" : "Pause");
}

function setSign(sign) {
  spans.sign = sign;
  document.querySelector(`input[name=sign][value="${sign}"]`).checked = true;
}

let markedIn = null;
function markIn() {
  markedIn = player.currentTime;
  notice(`A span begins at ${clock(markedIn)}; O ends it.`);
}
function markOut() {
  if (markedIn === null) notice("I begins a span, O ends it.");
  else if (!spans.add(markedIn, player.currentTime)) notice("The span is too short.");
  markedIn = null;
}

const seek = (seconds) => () => (player.currentTime += seconds);
const track = (number, what) => () => tracks.all[number - 1]?.[what]();

function setUpControls() {
  session.addEventListener("view", drawView);
  session.addEventListener("jobs", drawJobs);
  player.addEventListener("levels", drawAB);
  for (const name of ["timeupdate", "durationchange"]) player.addEventListener(name, drawTime);
  for (const name of ["play", "pause"]) player.addEventListener(name, drawPlay);
  byId("play").addEventListener("click", () => player.toggle());
  byId("ab").addEventListener("click", () => tracks.switchAB());
  byId("undo").addEventListener("click", undo);
  byId("spectrograms").addEventListener("change", (event) => tracks.showSpectrograms(event.target.checked));
  for (const sign of document.querySelectorAll("input[name=sign]")) {
    sign.addEventListener("change", () => setSign(sign.value));
  }
  byId("keys-button").addEventListener("click", () => byId("keys").showModal());
  byId("mix").addEventListener("click", () =>
    attempt(async () => {
      const { blob, turnedDown } = await mixDown(player.levels());
      save(blob, `${session.recording.name.replace(/\.[^.]*$/, "")}.mix.wav`);
      if (turnedDown > 0) notice(`Reduced by ${turnedDown.toFixed(1)} dB to avoid clipping.`);
    }));
  setUpUpload({
    onOpened: open,
    onError: showError,
    onProgress(words, part = 0) {
      byId("sending").hidden = words === null;
      byId("sending").querySelector("span").textContent = words ?? "";
      if (part < 1) byId("sending").querySelector("progress").value = part;
      else byId("sending").querySelector("progress").removeAttribute("value");
    },
  });
  setUpShortcuts({
    " ": () => player.toggle(),
    ArrowLeft: seek(-1), ArrowRight: seek(1), "Shift+ArrowLeft": seek(-5), "Shift+ArrowRight": seek(5),
    Home: () => (player.currentTime = 0),
    End: () => (player.currentTime = player.duration),
    b: () => tracks.switchAB(),
    1: track(1, "toggleSolo"), 2: track(2, "toggleSolo"), 3: track(3, "toggleSolo"),
    "Shift+1": track(1, "toggleMute"), "Shift+2": track(2, "toggleMute"), "Shift+3": track(3, "toggleMute"),
    i: markIn, o: markOut,
    "+": () => setSign("+"), "-": () => setSign("-"), "−": () => setSign("-"),
    Delete: () => spans.remove(spans.selected), Backspace: () => spans.remove(spans.selected),
    "/": () => prompt.text.focus(),
    "Mod+z": undo,
    "?": () => byId("keys").showModal(),
  });
}

// Start

/** The last recording of this page, if the server still has it. */
async function comeBack(kept) {
  if (!kept) return false;
  try {
    const recording = await api.recording(kept.recording);
    const known = ({ source, job, compare: pair }) =>
      [source.job, job, pair?.a, pair?.b].every((id) => !id || session.jobs.get(id)?.status === "done");
    const views = kept.views.filter(known);
    session.open(recording, views.length ? views : null);
    fillForm(session.view.form ?? session.shown?.request ?? {});
    return true;
  } catch {
    return false;
  }
}

async function begin() {
  setUpControls();
  const [info, jobs] = [await api.info(), await api.jobs()];
  prompt.setInfo(info);
  for (const job of jobs) session.jobs.set(job.id, job);
  const kept = Session.restore();
  const address = new URL(location);
  const asked = address.searchParams.get("recording");
  // Once: a reload continues with the tab's own recording.
  address.searchParams.delete("recording");
  globalThis.history.replaceState(null, "", address);
  const wanted = asked ?? info.opened;
  const fresh = asked !== null || sessionStorage.length === 0;
  if ((fresh && wanted && wanted !== kept?.recording) || !(await comeBack(kept))) {
    if (wanted) open(await api.recording(wanted));
    else byId("welcome").hidden = false;
  }
  for (const job of jobs) if (!api.isFinal(job.status)) watch(job);
}

attempt(begin);

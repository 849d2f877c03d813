// The studio's page: connects its parts, each in the file named after it.

import * as api from "./api.js";
import { button, byId, element } from "./dom.js";
import { Downloads, withoutSuffix } from "./downloads.js";
import { Found } from "./found.js";
import { differences, History } from "./history.js";
import { MaskLine } from "./mask-line.js";
import { attempt, notice, showError } from "./messages.js";
import { mixDown, save } from "./mixdown.js";
import { ObjectMask } from "./object-mask.js";
import { Overview } from "./overview.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";
import { PointList } from "./point-list.js";
import { Points } from "./points.js";
import { Progress } from "./progress.js";
import { Prompt } from "./prompt.js";
import { showReadAs } from "./read-as.js";
import { Recordings } from "./recordings.js";
import { sameSource, Session, STEM_NAMES, subject } from "./session.js";
import { setUpShortcuts } from "./shortcuts.js";
import { SpanList } from "./span-list.js";
import { clock, fromRequest, Spans } from "./spans.js";
import { Suggestions } from "./suggestions.js";
import { Tracks } from "./tracks.js";
import { Transport } from "./transport.js";
import { setUpUpload } from "./upload.js";
import { Video } from "./video.js";
import { viewTracks } from "./view-tracks.js";
import { Viewport } from "./viewport.js";

/** The recording with which the server was started is opened once per tab. */
const OPENED = "soundsift-opened";

const session = new Session();
const spans = new Spans();
const points = new Points();
const player = new Player();
const viewport = new Viewport();
const overview = new Overview(byId("overview"), viewport, spans, player);
const tracks = new Tracks(byId("tracks"), { player, spans, viewport, overview });
const transport = new Transport({ player, viewport, tracks, spans });
const video = new Video(byId("video-panel"), byId("video"), player);
const mask = new ObjectMask({
  fetchOutlines: (marks, signal) => api.outlines(session.recording.id, marks, signal),
  follow: (marks, onLines, signal) => api.followObject(session.recording.id, marks, onLines, signal),
  attempt,
});
points.addEventListener("change", () => mask.show(session.recording?.id, points.begin ? points.toRequest() : null));
new Picture(byId("picture"), byId("video"), { player, points, mask, said: byId("picture-said") });
new MaskLine(byId("mask-row"), { mask, points, player, viewport });
const prompt = new Prompt(byId("prompt"), spans, points, start);
const suggestions = new Suggestions(prompt);
const progress = new Progress(byId("progress"), cancel);
const downloads = new Downloads(byId("downloads"), notice, attempt);
const history = new History(byId("history"), session, { show, redo, compare, remove });
const recordings = new Recordings(byId("recordings"), openById, attempt);
const found = new Found(byId("found"), { go: goToFound, again: againWithout });
new SpanList(byId("span-list"), spans);
new PointList(byId("point-list"), points, {
  onGo: (time) => transport.goTo(time), onEmpty: () => byId("picture").focus(),
});

// Turns

/** Requests with several prompts that are unfinished: lists of ids. */
const groups = [];

function formNow() {
  return { ...prompt.read(), marks: spans.all };
}

function fillForm(form) {
  prompt.fill(form);
  spans.reset(session.recording.seconds, form.marks ?? fromRequest(form));
  points.reset(form);
}

function go(view) {
  session.go(view, formNow());
}

function start(request) {
  return attempt(async () => {
    const { source } = session.view;
    const { ids } = await api.startJob({ ...request, recording: source });
    if (ids.length > 1) groups.push(ids);
    for (const id of ids) watch(await api.job(id));
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
  const group = groups.find((ids) => ids.includes(job.id));
  if (job.status === "failed") showError(job.error ?? "The job failed.");
  else if (job.status === "cancelled") notice(`Cancelled: ${words}.`);
  if (group) groupArrived(group);
  else if (job.status !== "done") return;
  else if (!session.view.compare && sameSource(session.view.source, job.request.recording)) {
    go({ source: session.view.source, job: job.id });
  } else notice(`${words} is ready, in the history.`);
}

/** Show the results of a request with several prompts, once all have ended. */
function groupArrived(ids) {
  const jobs = ids.map((id) => session.jobs.get(id)).filter(Boolean);
  if (jobs.length < ids.length || !jobs.every(({ status }) => api.isFinal(status))) return;
  groups.splice(groups.indexOf(ids), 1);
  const done = jobs.filter(({ status }) => status === "done");
  if (done.length === 0) return;
  const { recording: source } = done[0].request;
  if (done.length === 1) go({ source, job: done[0].id });
  else go({ source, group: done.map(({ id }) => id) });
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
  if (session.canUndo) globalThis.history.back();
}

// Found occurrences

function goToFound(one) {
  transport.showPart(one.start, one.end);
  player.currentTime = one.start;
}

function nextFound(backwards) {
  const one = found.next(player.currentTime, backwards);
  if (one) goToFound(one);
}

/** Ask again, with occurrences that are not meant marked as not heard. */
function againWithout(job, left) {
  const { recording: source, ...request } = job.request;
  const again = { ...request, not_spans: [...request.not_spans, ...left] };
  fillForm(again);
  return attempt(async () => watch(await api.job((await api.startJob({ ...again, recording: source })).id)));
}

// Views

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
  const { recording, view } = session;
  byId("welcome").hidden = true;
  byId("studio").hidden = byId("open-other").hidden = byId("home").hidden = false;
  const facts = [clock(recording.seconds), `${recording.sample_rate / 1000} kHz`,
    { 1: "mono", 2: "stereo" }[recording.channels] ?? `${recording.channels} channels`];
  byId("recording").replaceChildren(
    element("strong", {}, recording.name), element("span", {}, facts.join(" · ")));
  document.title = `${recording.name} – Soundsift studio`;
  video.show(recording.has_video ? api.videoUrl(recording.id) : null);
  suggestions.show(recording.id);
  drawPath();
  drawComparison();
  drawJobs();
  found.show(session.shown);
  showReadAs(byId("read-as"), session.shown);
  const shown = view.group?.map((id) => session.jobs.get(id)) ?? [session.shown].filter(Boolean);
  downloads.show(shown, recording);
  const { tracks: wanted, ...listening } = viewTracks(session, goOnFrom);
  await attempt(() => tracks.show(wanted, listening));
  transport.drawAB();
}

function drawJobs() {
  if (!session.recording) return;
  progress.draw(session.own, session.recording.seconds);
  history.draw();
}

// Recordings

function leave() {
  showError(null);
  tracks.forgetSounds();
  player.pause();
  player.loop = null;
}

function open(recording, { replace = false } = {}) {
  leave();
  player.currentTime = 0;
  session.open(recording, { replace });
  viewport.whole();
  fillForm({ text: "", marks: [] });
  prompt.text.focus();
}

function openById(id) {
  return attempt(async () => {
    await fetchJobs();
    open(await api.recording(id));
  });
}

async function fetchJobs() {
  const jobs = await api.jobs();
  for (const job of jobs) session.jobs.set(job.id, job);
  return jobs;
}

async function showHome() {
  leave();
  session.close();
  suggestions.show(null);
  document.title = "soundsift studio";
  byId("recording").replaceChildren();
  byId("studio").hidden = byId("open-other").hidden = byId("home").hidden = true;
  byId("welcome").hidden = false;
  await recordings.show();
}

function goHome() {
  return attempt(() => {
    globalThis.history.pushState(null, "", "/");
    return showHome();
  });
}

/** Show what the address and the browser's entry say. */
async function arrive(state) {
  const asked = new URL(location).searchParams;
  const id = state?.recording ?? asked.get("recording");
  if (!id) return showHome();
  const recording = session.recording?.id === id ? session.recording : await api.recording(id);
  if (recording !== session.recording) leave();
  const job = session.jobs.get(state ? state.view.job : asked.get("result"));
  const view = state?.view ?? (job && { source: job.request.recording, job: job.id });
  session.restore(recording, { ...state, view });
  fillForm(state?.form ?? session.shown?.request ?? { text: "", marks: [] });
}

// Keys and buttons

function setSign(sign) {
  spans.sign = sign;
  document.querySelector(`input[name=sign][value="${sign}"]`).checked = true;
}

let markedIn = null;
function markIn() {
  markedIn = player.currentTime;
  notice(`A span begins at ${clock(markedIn)}. Press O where it ends.`);
}
function markOut() {
  if (markedIn === null) notice("Press I where a span begins, then O where it ends.");
  else if (!spans.add(markedIn, player.currentTime)) notice("The span is too short.");
  markedIn = null;
}

async function mix() {
  const { blob, turnedDown } = await mixDown(player.levels(), (part) => downloads.say("Mixing", part))
    .finally(() => downloads.say(null));
  save(blob, `${withoutSuffix(session.recording.name)}.mix.wav`);
  if (turnedDown > 0) notice(`Reduced by ${turnedDown.toFixed(1)} dB to avoid clipping.`);
}

function shortcuts() {
  const track = (number, what) => () => tracks.all[number - 1]?.[what]();
  const ofTracks = Array.from({ length: 9 }, (_, at) => [
    [String(at + 1), track(at + 1, "toggleSolo")], [`Shift+${at + 1}`, track(at + 1, "toggleMute")],
  ]).flat();
  return {
    ...Object.fromEntries(ofTracks),
    " ": () => player.toggle(),
    ArrowLeft: () => transport.seek(-1), ArrowRight: () => transport.seek(1),
    "Shift+ArrowLeft": () => transport.seek(-5), "Shift+ArrowRight": () => transport.seek(5),
    Home: () => transport.goTo(0), End: () => transport.goTo(player.duration),
    ArrowUp: () => transport.zoomIn(), ArrowDown: () => transport.zoomOut(),
    PageUp: () => transport.scroll(-1), PageDown: () => transport.scroll(1),
    e: () => transport.showSpan(), w: () => viewport.whole(),
    l: () => transport.toggleLoop(), g: () => byId("go-to").focus(),
    n: () => nextFound(false), p: () => nextFound(true),
    b: () => tracks.switchAB(),
    i: markIn, o: markOut,
    "+": () => setSign("+"), "-": () => setSign("-"), "−": () => setSign("-"),
    Delete: () => spans.remove(spans.selected), Backspace: () => spans.remove(spans.selected),
    "/": () => prompt.text.focus(),
    "Mod+z": undo,
    "?": () => byId("keys").showModal(),
  };
}

function setUpControls() {
  session.addEventListener("view", drawView);
  session.addEventListener("jobs", drawJobs);
  byId("undo").addEventListener("click", undo);
  byId("point-sign").addEventListener("click", ({ currentTarget: toggle }) => {
    points.sign = points.sign === "+" ? "-" : "+";
    toggle.setAttribute("aria-pressed", String(points.sign === "-"));
  });
  byId("home").addEventListener("click", goHome);
  for (const sign of document.querySelectorAll("input[name=sign]")) {
    sign.addEventListener("change", () => setSign(sign.value));
  }
  byId("keys-button").addEventListener("click", () => byId("keys").showModal());
  byId("mix").addEventListener("click", () => attempt(mix));
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
  setUpShortcuts(shortcuts(), (key) => key === "?" || session.recording !== null);
  addEventListener("popstate", ({ state }) => attempt(() => arrive(state)));
}

async function begin() {
  setUpControls();
  const [info, jobs] = [await api.info(), await fetchJobs()];
  prompt.setInfo(info);
  const { state } = globalThis.history;
  const fresh = info.opened && sessionStorage.getItem(OPENED) !== info.opened;
  if (info.opened) sessionStorage.setItem(OPENED, info.opened);
  if (fresh && !new URL(location).searchParams.has("recording")) open(await api.recording(info.opened), { replace: true });
  else await arrive(state);
  for (const job of jobs) if (!api.isFinal(job.status)) watch(job);
}

attempt(begin);

// The stages of a session: consent, headphone check, comparisons, end.

import { request } from "./api.js";
import { HeadphoneCheck } from "./headphones.js";
import { Comparison } from "./trial.js";

const STAGES = ["consent", "headphones", "refused", "trial", "done"];
const byId = (id) => document.getElementById(id);

function fail(error) {
  byId("error").textContent = error.message;
  byId("error").hidden = false;
}

// Run something, and show what goes wrong.
async function attempt(work) {
  byId("error").hidden = true;
  try {
    await work();
  } catch (error) {
    fail(error);
  }
}

const wording = await request("/api/test");
document.title = wording.title;
byId("title").textContent = wording.title;
byId("consent-text").textContent = wording.consent;

const check = new HeadphoneCheck(async ({ passed }) => {
  await refresh();
  if (passed === null) fail(new Error("That was not right yet. Are you wearing headphones? Please try once more."));
});
const comparison = new Comparison(wording, () => attempt(refresh), fail);

async function show(state) {
  for (const stage of STAGES) byId(stage).hidden = stage !== state.stage;
  byId("session").hidden = state.stage === "consent";
  byId("listener").textContent = (state.code ?? "").replace(/(.{7})(?=.)/, "$1-");
  byId("progress").textContent = state.stage === "trial" ? `${state.position} of ${state.count} done` : "";
  check.end();
  comparison.end();
  if (state.stage === "headphones") check.show(state.headphones);
  if (state.stage === "trial") await comparison.show(state);
  byId(`${state.stage}-title`).focus();
  window.scrollTo(0, 0);
}

async function refresh() {
  await show(await request("/api/session"));
}

byId("agree").addEventListener("click", () => attempt(async () => show(await request("/api/session", "POST", { consent: true }))));
byId("resume").addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(async () => show(await request("/api/session/resume", "POST", { code: byId("code").value })));
});
byId("withdraw").addEventListener("click", () => {
  if (!window.confirm("Delete all your answers? This can't be undone.")) return;
  attempt(async () => {
    await request("/api/session", "DELETE");
    await refresh();
  });
});

await attempt(refresh);

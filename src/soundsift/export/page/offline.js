// The service worker: keeps the page for use without a network, and isolates it, so that ONNX Runtime
// may use several threads on any static server.

const TRIED = "soundsift-isolated";

export async function workOffline() {
  if (!("serviceWorker" in navigator)) return;
  try {
    await navigator.serviceWorker.register("service-worker.js");
    await navigator.serviceWorker.ready;
  } catch {
    return; // no storage for it, say; the page works without
  }
  // The first visit was answered by the server alone. Once is enough: a page in a frame is never
  // isolated.
  if (!globalThis.crossOriginIsolated && sessionStorage.getItem(TRIED) === null) {
    sessionStorage.setItem(TRIED, "once");
    location.reload();
  }
}

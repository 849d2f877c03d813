// Answers for the page: from the cache where a file is in it, with the headers that isolate the page.
// The version is that of all files together; a new one begins an empty cache.

const CACHE = "soundsift-VERSION_OF_THE_PAGE";
const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};

self.addEventListener("install", (event) => {
  // The page itself is small; the model and the runtime are kept when they were used once.
  const shell = async () => {
    const { files } = await (await fetch("files.json", { cache: "no-cache" })).json();
    const small = Object.keys(files).filter((name) => !/^(model|runtime)\//.test(name));
    const cache = await caches.open(CACHE);
    await cache.addAll(
      ["./", "files.json", ...small].map((name) => new Request(name, { cache: "no-cache" })),
    );
    await self.skipWaiting();
  };
  event.waitUntil(shell());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("soundsift-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" && new URL(request.url).origin === self.location.origin) {
    event.respondWith(answer(event));
  }
});

async function answer(event) {
  const { request } = event;
  const cache = await caches.open(CACHE);
  const found = await cache.match(request, { ignoreSearch: true });
  if (found !== undefined) return isolated(found);
  const fetched = await fetch(request);
  if (fetched.status !== 200) return fetched;
  // A full disk is no reason to answer with nothing.
  event.waitUntil(cache.put(request, fetched.clone()).catch(() => {}));
  return isolated(fetched);
}

function isolated(response) {
  const headers = new Headers(response.headers);
  for (const [name, value] of Object.entries(ISOLATION)) headers.set(name, value);
  return new Response(response.body, {
    status: response.status,
    statusText: response.statusText,
    headers,
  });
}

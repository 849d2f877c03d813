// Requests to the server. A request that got no answer is sent again: the server takes every answer once.

const WAITS_MS = [500, 1000, 2000, 4000, 8000];

export class Refusal extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }
}

async function send(path, options) {
  for (let attempt = 0; ; attempt += 1) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (error) {
      if (attempt === WAITS_MS.length) throw new Refusal(0, "The server can't be reached. Your answers so far are stored; load the page again later.");
    }
    if (response && response.status < 500 && response.status !== 429) return response;
    if (attempt === WAITS_MS.length) return response;
    await new Promise((resolve) => setTimeout(resolve, WAITS_MS[attempt]));
  }
}

export async function request(path, method = "GET", body = undefined) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "content-type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await send(path, options);
  const found = await response.json();
  if (!response.ok) throw new Refusal(response.status, found.detail);
  return found;
}

export async function bytes(path) {
  const response = await send(path, {});
  if (!response.ok) throw new Refusal(response.status, (await response.json()).detail);
  return response.arrayBuffer();
}

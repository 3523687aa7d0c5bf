// Asking the server. Whatever it refuses comes as `Refused` with its words; when it does not answer, as `Lost`.
import { emit } from "./state.js";

export class Refused extends Error {
  constructor(message, status, answer = {}) {
    super(message);
    this.status = status;
    this.answer = answer;
  }
}

export class Lost extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

export const connection = { lost: false, locked: false };
const RETRY_MS = 1500;

function set(lost, locked = false) {
  if (connection.lost === lost && connection.locked === locked) return;
  const back = connection.lost && !lost;
  Object.assign(connection, { lost, locked });
  emit("connection", back);
}

/** An address under the page's own, with a query; empty values are left out. */
export function address(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return given.length ? `${path}?${new URLSearchParams(given)}` : path;
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    set(true);
    throw new Lost();
  }
  set(false, response.status === 403);
  if (response.ok) return response;
  const answer = await response.json().catch(() => ({}));
  throw new Refused(answer.error ?? `The server answers ${response.status} ${response.statusText}.`, response.status, answer);
}

export const get = async (path, query, signal) => (await ask(address(path, query), { signal })).json();
export const getBlob = async (path, signal) => (await ask(path, { signal })).blob();

export async function post(path, body = {}) {
  const headers = { "Content-Type": "application/json", "X-Lobate": "1" };
  const response = await ask(path, { method: "POST", headers, body: typeof body === "string" ? body : JSON.stringify(body) });
  return response.json();
}

/** Listens to what others do and how a run goes; comes back by itself when the server does. */
export function listen() {
  const source = new EventSource("api/events");
  source.onopen = () => set(false);
  source.onmessage = (event) => emit("event", JSON.parse(event.data));
  source.onerror = () => {
    source.close();
    probe();
    setTimeout(listen, RETRY_MS);
  };
}

// Asks for next to nothing, to learn whether the server is there; never twice at a time.
let probing = false;
async function probe() {
  if (probing) return;
  probing = true;
  await ask("page/state.js", { method: "HEAD", cache: "no-store" }).catch(() => {});
  probing = false;
}

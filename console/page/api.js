// What the bridge tells: its API, which stands beside the directory of this file.

const base = new URL("../api/", import.meta.url);
base.username = base.password = ""; // a browser that was given them in the address knows them, and asks for no such address

async function answer(response) {
  if (response.ok) return response.json();
  const text = (await response.text()).trim();
  const err = new Error(text || `the bridge answers ${response.status}`);
  err.status = response.status;
  throw err;
}

// get asks for a path, with what of the query has a value.
export async function get(path, query = {}, signal = undefined) {
  const url = new URL(path, base);
  for (const [key, value] of Object.entries(query)) {
    if (value) url.searchParams.set(key, value);
  }
  return answer(await fetch(url, {signal}));
}

export async function post(path, body, signal = undefined) {
  return answer(await fetch(new URL(path, base), {
    method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body), signal,
  }));
}

// path puts together names that others chose.
export const path = (...parts) => parts.map((part) => encodeURIComponent(part)).join("/");

const again = 2000; // ms until a stream that was refused is tried again

// A Stream tells what happens. Nobody is told anything while the page is not
// looked at; whenever the stream begins, all that was known may be old.
export class Stream {
  #source = null; #call = ""; #retry;
  onOpen = () => {};
  onLost = () => {};
  on = {calls() {}, step() {}, rules() {}, transports() {}};

  constructor() {
    document.addEventListener("visibilitychange", () => document.hidden ? this.#close() : this.#open());
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", ({persisted}) => { if (persisted) this.#open(); });
  }

  // follow wants the steps of a call told too; "": of none. It begins anew.
  follow(call) {
    this.#call = call;
    this.#open();
  }

  #open() {
    this.#close();
    if (document.hidden) return;
    const url = new URL("events", base);
    if (this.#call) url.searchParams.set("call", this.#call);
    const source = this.#source = new EventSource(url);
    source.addEventListener("open", () => this.onOpen());
    source.addEventListener("error", () => {
      this.onLost();
      if (source.readyState === EventSource.CLOSED) this.#retry = setTimeout(() => this.#open(), again);
    });
    for (const name of Object.keys(this.on)) {
      source.addEventListener(name, ({data}) => this.on[name](JSON.parse(data)));
    }
  }

  #close() {
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }
}

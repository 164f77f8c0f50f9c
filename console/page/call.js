// The view of one call: what is known of it, its ladder, and one message of it.

import {get, path} from "./api.js";
import {$, element, fields, write} from "./dom.js";
import {Detail} from "./detail.js";
import {Ladder} from "./ladder.js";
import {clock, lasting, now} from "./time.js";

export class CallView {
  #opened = false; // the place before this one is the call without a message
  #go; #follow; #id = ""; #call; #ladder; #detail; #wanted; #asked; #early = null; #gone = false;

  // go leads to the page's places; follow asks for the steps of a call, as they
  // happen.
  constructor(go, follow) {
    this.#go = go;
    this.#follow = follow;
    this.#ladder = new Ladder($("steps"), "ladder");
    this.#detail = new Detail($("detail"));
    this.#ladder.onOpen = ({n}) => {
      const open = !!this.#detail.place; // another one takes its place
      this.#go(`#/calls/${path(this.#id, n)}`, open);
      this.#opened ||= !open;
    };
    this.#detail.onClose = () => {
      const {n} = this.#detail.place;
      if (this.#opened) history.back();
      else this.#go(`#/calls/${path(this.#id)}`, true);
      this.#ladder.focus(n);
    };
    this.#detail.onMove = (way) => {
      const next = this.#ladder.beside(this.#detail.place.n, way);
      if (next !== undefined) this.#go(`#/calls/${path(this.#id, next)}`, true);
    };
    $("call").addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.#detail.place) this.#detail.onClose();
    });
  }

  show([id, n]) {
    this.#wanted = n === undefined ? undefined : Number(n);
    if (id === this.#id) return this.#open();
    this.hide();
    this.#id = id;
    this.#gone = false;
    $("call-title").textContent = id;
    $("call-note").textContent = "";
    for (const part of ["call-state", "facts"]) $(part).replaceChildren();
    this.#follow(id); // and then [opened] asks for what has happened before
    this.#ask(); // there may be no stream to be had
  }

  hide() {
    this.#asked?.abort();
    this.#id = "";
    this.#call = undefined;
    this.#opened = false;
    this.#detail.close();
    this.#ladder.clear();
  }

  // opened is told that from now on steps are told as they happen.
  opened() { return this.#ask(); }

  async #ask() {
    if (!this.#id || this.#gone) return;
    this.#asked?.abort();
    const asked = this.#asked = new AbortController();
    this.#early = [];
    try {
      const {call, steps, dropped} = await get(`calls/${path(this.#id)}`, {}, asked.signal);
      if (asked.signal.aborted) return;
      this.#call = call;
      for (const step of [...steps, ...this.#early]) this.#add(step);
      this.#early = null;
      $("call-note").textContent = dropped ? `${dropped} ${dropped === 1 ? "message is" : "messages are"} no longer kept.` : "";
      this.#tell();
      this.#open();
    } catch (err) {
      if (asked.signal.aborted) return;
      this.#gone = err.status === 404;
      $("call-note").textContent = this.#gone ? "This call is not known here, or no longer: only the newest are kept." : err.message;
    }
  }

  onStep({call, step}) {
    if (call !== this.#id) return;
    if (this.#early) this.#early.push(step);
    else this.#add(step);
  }

  onCalls(calls) {
    const call = calls.find(({id}) => id === this.#id);
    if (!call || !this.#call) return;
    this.#call = call;
    this.#tell();
  }

  onState({transports}) { this.#ladder.peers = transports.map(({name}) => name); }

  // tick is called now and then while the view is seen.
  tick() { if (this.#call && !this.#call.ended) this.#tell(); }

  #add(step) {
    if (step.n <= this.#ladder.last) return;
    const follow = this.#ladder.seen && scrollY > 0;
    this.#ladder.add(step);
    if (follow && !this.#detail.place) this.#ladder.reveal(step.n);
  }

  // open shows the step that the address names.
  #open() {
    const n = this.#wanted;
    const step = this.#ladder.select(n);
    if (!step) {
      this.#opened = false;
      return this.#detail.close();
    }
    if (this.#detail.place?.n === n) return;
    this.#ladder.reveal(n);
    this.#detail.show(this.#id, step);
  }

  #tell() {
    const {id, state, user, number, cause, begun, answered, ended, talked_ms: talked, messages, failed, keys = [], connection} = this.#call;
    write($("call-title"), title(this.#call));
    $("call-state").replaceChildren(element("span", ended ? "pill over" : "pill", ended ? "ended" : state));
    document.title = `${title(this.#call)} – Vertigo`;
    fields($("facts"), [
      ["Cause", cause],
      ["Begun", clock(begun)],
      ["Answered", clock(answered)],
      ["Ended", clock(ended)],
      ended ? ["Talked", talked > 0 && lasting(talked)] : ["Lasts", lasting(now() - Date.parse(begun))],
      ["User", user],
      ["Number", number],
      ["Messages", `${messages}${failed ? `, ${failed} failed` : ""}`],
      ...names([{transport: connection ? "Connection" : "Vertigo", key: id}, ...keys]),
    ]);
  }
}

// names gives what a call is called by whom; who calls it the same stands together.
function names(keys) {
  const by = Map.groupBy(keys, ({key}) => key);
  return [...by].map(([key, list]) => [list.map(({transport}) => transport).join(", "), key, "id"]);
}

// title names a call by who calls whom.
export function title({direction, user, number, id, connection}) {
  if (connection) return `Connection ${id}`;
  if (!user && !number) return id;
  const far = number || "nobody yet";
  const own = user || "nobody yet";
  return direction === "in" ? `${far} calls ${own}` : `${own} calls ${far}`;
}

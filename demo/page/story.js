// The ladder of the newest call, and one message of it: as the console shows them.

import {get, path, Stream} from "./console/api.js";
import {Detail} from "./console/detail.js";
import {Ladder} from "./console/ladder.js";
import {setClock} from "./console/time.js";

export class Story {
  #stream = new Stream();
  #call = null; // the newest one
  #early = null; // steps that come before those that were asked for
  #asked; #ladder; #detail; #empty;
  onRules = (told) => {};

  constructor(ladder, detail, empty) {
    this.#ladder = new Ladder(ladder, "ladder");
    this.#detail = new Detail(detail);
    this.#empty = empty;
    this.#ladder.onOpen = (step) => this.#open(step.n);
    this.#detail.onClose = () => {
      const {n} = this.#detail.place;
      this.#open(undefined);
      this.#ladder.focus(n);
    };
    this.#detail.onMove = (way) => {
      const next = this.#ladder.beside(this.#detail.place.n, way);
      if (next !== undefined) this.#open(next);
    };
    this.#stream.onOpen = () => this.#opened();
    this.#stream.on.calls = ({calls}) => calls.forEach((call) => this.#newest(call));
    this.#stream.on.step = ({call, step}) => {
      if (call !== this.#call?.id) return;
      if (this.#early) this.#early.push(step);
      else this.#add(step);
    };
    this.#stream.on.rules = (told) => this.onRules(told);
    this.#stream.follow("");
  }

  // newest follows a call that began after the one that is shown.
  #newest(call) {
    if (call.connection || this.#call && Date.parse(call.begun) <= Date.parse(this.#call.begun)) return;
    this.#call = call;
    this.#early = [];
    this.#detail.close();
    this.#ladder.clear();
    this.#empty.hidden = true;
    this.#stream.follow(call.id); // and then [opened] asks for what has happened before
  }

  // opened asks for what has happened before the stream began.
  async #opened() {
    this.#asked?.abort();
    const asked = this.#asked = new AbortController();
    if (this.#call) this.#early = [];
    try {
      const {transports, now} = await get("state", {}, asked.signal);
      setClock(now);
      this.#ladder.peers = transports.map(({name}) => name);
      if (!this.#call) {
        const {calls} = await get("calls", {limit: "10"}, asked.signal);
        for (const call of calls) this.#newest(call);
        return;
      }
      const {steps} = await get(`calls/${path(this.#call.id)}`, {}, asked.signal);
      for (const step of [...steps, ...this.#early]) this.#add(step);
      this.#early = null;
    } catch {
      // the bridge starts, or is gone: the stream begins anew once it is there
    }
  }

  #add(step) {
    if (step.n <= this.#ladder.last) return;
    const follow = this.#ladder.seen;
    this.#ladder.add(step);
    if (follow && !this.#detail.place && matchMedia("(min-width: 52rem)").matches) this.#ladder.reveal(step.n);
  }

  #open(n) {
    const step = this.#ladder.select(n);
    if (step) {
      this.#ladder.reveal(n);
      this.#detail.show(this.#call.id, step);
    } else {
      this.#detail.close();
    }
  }
}

// The view of all calls: those under way above, those that have ended below.

import {get, path} from "./api.js";
import {$, arrows, element, write} from "./dom.js";
import {clock, lasting, now, stamp} from "./time.js";

const page = 200;       // calls of a list, until more are wanted
const recount = 3000;   // ms between counts of what is found
const typing = 200;     // ms after the last key until it is looked for

// A Group is a part of the table: the newest calls of those that it is for.
class Group {
  limit = page;
  more = false;
  total = 0;
  rows = new Map(); // call id: {call, row}, in the order of the table
  #body; #foot; #head; #title;

  constructor(state, title) {
    this.state = state;
    this.#body = $(`${state}-calls`);
    this.#foot = $(`${state}-more`);
    this.#head = $(`${state}-head`);
    this.#title = title;
    this.#foot.querySelector("button").addEventListener("click", () => {
      this.limit += page;
      this.onMore();
    });
  }

  clear() {
    this.rows.clear();
    this.#body.replaceChildren();
  }

  // put shows a call at its place, if there is one.
  put(call) {
    const known = this.rows.get(call.id);
    if (known) {
      known.call = call;
      fill(known);
      return;
    }
    const below = this.#before(call);
    if (!below && this.more) return; // it stands among those that are not shown
    const made = {call, row: row()};
    fill(made);
    this.rows.set(call.id, made);
    this.#body.insertBefore(made.row, below?.row ?? null);
    if (this.rows.size > this.limit) {
      this.take(this.#body.lastElementChild.dataset.id);
      this.more = true;
    }
  }

  // take takes a call away; true if it was there.
  take(id) {
    const known = this.rows.get(id);
    known?.row.remove();
    return this.rows.delete(id);
  }

  // before finds the call that a call stands above: the newest is on top.
  #before(call) {
    for (const {dataset: {id}} of this.#body.children) {
      const other = this.rows.get(id);
      if (newer(call, other.call)) return other;
    }
    return null;
  }

  tell() {
    this.#head.hidden = this.#body.hidden = this.rows.size === 0;
    this.#foot.hidden = !this.more;
    const many = this.total > this.rows.size ? `${this.rows.size} of ${this.total}` : String(this.rows.size);
    write(this.#head.querySelector("th"), `${this.#title}: ${many}`);
  }
}

const newer = (a, b) => a.order > b.order;

function row() {
  const made = element("tr");
  for (const name of ["begun", "state", "user", "number", "talked", "cause", "messages"]) made.append(element("td", name));
  const link = element("a");
  link.tabIndex = -1;
  made.children[3].append(link);
  return made;
}

function fill({call, row}) {
  const [begun, state, user, number, , cause, messages] = row.children;
  if (!row.dataset.id) {
    row.dataset.id = call.id;
    begun.append(stamp(call.begun, clock(call.begun)));
    number.firstChild.href = `#/calls/${path(call.id)}`;
  }
  row.classList.toggle("has-failed", call.failed > 0);
  const ended = call.ended ? "ended" : call.state;
  if (state.dataset.state !== ended) {
    state.dataset.state = ended;
    state.replaceChildren(element("span", call.ended ? "pill over" : "pill", ended));
  }
  write(user, call.user || (call.connection ? "a connection" : ""));
  write(number.firstChild, `${arrow(call)} ${call.number || (call.connection ? call.id : "no number")}`);
  number.firstChild.title = {in: "calls the user", out: "is called by the user"}[call.direction] ?? "";
  write(cause, call.cause ?? "");
  const counted = `${call.messages}/${call.failed}`;
  if (messages.dataset.counted !== counted) {
    messages.dataset.counted = counted;
    messages.replaceChildren(element("span", "", String(call.messages), element("span", "unit", call.messages === 1 ? " message" : " messages")), call.failed ? element("span", "failed-count", `${call.failed} failed`) : "");
  }
  tick({call, row});
}

const arrow = ({direction}) => ({in: "←", out: "→"}[direction] ?? "·");

// tick shows how long a call lasts.
function tick({call, row}) {
  const talked = row.children[4];
  if (call.ended) {
    write(talked, call.talked_ms > 0 ? lasting(call.talked_ms) : "");
    return;
  }
  write(talked, lasting(now() - Date.parse(call.begun)));
}

// matches says whether the bridge would find a call by this text.
function matches(call, text) {
  if (!text) return true;
  return [call.number, call.user, call.id, call.cause, ...(call.keys ?? []).map(({key}) => key)]
    .some((value) => value?.toLowerCase().includes(text));
}

export class Calls {
  #go; #groups; #text = ""; #which = "all"; #asked; #early = null; #timer; #dirty = false; #counting; #tabStop; #shown = false;

  constructor(go) {
    this.#go = go;
    this.#groups = [new Group("live", "Under way"), new Group("ended", "Ended")];
    for (const group of this.#groups) group.onMore = () => this.#ask();
    this.#tabStop = arrows($("calls-table"), "td a");
    $("search").addEventListener("submit", (event) => event.preventDefault());
    $("search").addEventListener("input", () => {
      clearTimeout(this.#timer);
      this.#timer = setTimeout(() => {
        const which = new FormData($("search")).get("which");
        const query = new URLSearchParams({...($("q").value && {q: $("q").value}), ...(which !== "all" && {state: which})});
        this.#go(`#/calls${query.size ? "?" + query : ""}`, true);
      }, typing);
    });
    $("q").addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") {
        event.preventDefault();
        document.querySelector('#calls-table td a[tabindex="0"]')?.focus();
      }
    });
  }

  show(_, query) {
    const text = query.get("q") ?? "";
    if (document.activeElement !== $("q")) $("q").value = text;
    this.#text = text.trim().toLowerCase();
    this.#which = query.get("state") ?? "all";
    for (const choice of $("search").elements.which) choice.checked = choice.value === this.#which;
    for (const group of this.#groups) group.limit = page;
    this.#shown = true;
    document.title = "Calls – Vertigo";
    return this.#ask();
  }

  hide() {
    this.#shown = false;
    this.#asked?.abort();
    clearTimeout(this.#timer);
  }

  // opened is told that what is shown may be old.
  opened() { return this.#ask(); }

  async #ask() {
    this.#asked?.abort();
    const asked = this.#asked = new AbortController();
    this.#early = [];
    try {
      const found = await Promise.all(this.#groups.map((group) => this.#pages(group, asked.signal)));
      if (asked.signal.aborted) return;
      this.#groups.forEach((group, i) => this.#fill(group, found[i]));
      const early = this.#early;
      this.#early = null;
      this.#take(early);
      write($("calls-trouble"), "");
    } catch (err) {
      if (!asked.signal.aborted) write($("calls-trouble"), err.message);
    }
  }

  // pages asks for as many calls as are to be shown.
  async #pages(group, signal) {
    const found = {calls: [], total: 0, next: ""};
    if (this.#which !== "all" && this.#which !== group.state) return found;
    do {
      const query = {q: this.#text, state: group.state, before: found.next, limit: String(Math.min(page, group.limit - found.calls.length))};
      const {calls, next, total} = await get("calls", query, signal);
      found.calls.push(...calls);
      found.next = next;
      found.total = total;
    } while (found.next && found.calls.length < group.limit);
    return found;
  }

  #fill(group, {calls, next, total}) {
    const focused = document.activeElement?.closest("tr")?.dataset.id;
    const gone = new Set(group.rows.keys());
    group.more = false; // there is a place for each of these
    for (const call of calls) {
      gone.delete(call.id);
      group.put(call);
    }
    for (const id of gone) group.take(id);
    group.more = !!next;
    group.total = total;
    if (focused && !document.activeElement.closest("tr")) group.rows.get(focused)?.row.querySelector("a").focus();
    this.#tell();
  }

  // onCalls is told of calls that have changed.
  onCalls(calls) {
    if (!this.#shown) return;
    if (this.#early) this.#early.push(...calls);
    else this.#take(calls);
  }

  #take(calls) {
    if (calls.length === 0) return;
    this.#dirty = true;
    const focused = document.activeElement?.closest("tr")?.dataset.id;
    const [live, ended] = this.#groups;
    for (const call of calls) {
      const group = call.ended ? ended : live;
      const other = call.ended ? live : ended;
      const moved = other.take(call.id);
      if (moved) other.total--;
      if ((this.#which !== "all" && this.#which !== group.state) || !matches(call, this.#text)) {
        if (group.take(call.id)) group.total--; // it was found by what it is no longer
        continue;
      }
      if (moved) group.total++;
      group.put(call);
    }
    if (focused && !document.activeElement.closest("tr")) {
      for (const {rows} of this.#groups) rows.get(focused)?.row.querySelector("a").focus({preventScroll: true});
    }
    this.#tell();
    this.#counting ??= setTimeout(() => this.#count(), recount);
  }

  // count asks how many calls there are: those that are not shown come and go too.
  async #count() {
    this.#counting = undefined;
    if (!this.#shown || !this.#dirty || this.#early) return;
    this.#dirty = false;
    if (this.#groups.some(({more, rows, limit}) => more && rows.size < limit * 3 / 4)) return this.#ask();
    try {
      for (const group of this.#groups) {
        if (this.#which !== "all" && this.#which !== group.state) continue;
        const {total} = await get("calls", {q: this.#text, state: group.state, limit: "1"});
        group.total = total;
      }
    } catch {
      return; // whoever follows the stream says that the bridge is gone
    }
    this.#tell();
  }

  #tell() {
    for (const group of this.#groups) group.tell();
    const shown = this.#groups.some(({rows}) => rows.size > 0);
    $("calls-empty").hidden = shown;
    write($("calls-empty"), this.#text || this.#which !== "all" ? "No call is found." : "There was no call yet.");
    $("calls-table").hidden = !shown;
    const [live, ended] = this.#groups;
    const found = Math.max(live.total, live.rows.size) + Math.max(ended.total, ended.rows.size);
    write($("calls-found"), this.#text ? `${found} ${found === 1 ? "call" : "calls"} found` : "");
    this.#tabStop();
  }

  onState() {}

  tick() {
    for (const known of this.#groups[0].rows.values()) tick(known);
  }
}

// The ladder of a call: a column for each peer, an arrow for each message, and
// under it the rule that acted on it.

import {arrows, breakable, element} from "./dom.js";
import {clock, lasting} from "./time.js";

const most = 1000; // steps that are shown: the first ones and the last ones
const first = 100; // how many the first ones are

const self = "vertigo";
const engine = "engine"; // what the engine says to itself

// said are the places of the one value that says most about a message: whom it
// calls, why it ends, what went wrong.
const said = [
  "params.dialogParams.destination_number", "dialogParams.destination_number", "params.cause", "content.reason",
  "cause", "reason", "params.action", "action", "error.message", "error", "content.membership", "content.invitee",
  "user", "invitee", "displayname",
].map((place) => place.split("."));

function telling(body) {
  for (const place of said) {
    const value = place.reduce((at, key) => at?.[key], body);
    if (typeof value === "string" && value) return value.startsWith("@") ? value.split(":")[0] : value;
  }
  return "";
}

// change shows how a step changes the call's state; null if it does not.
export function change({from, to, ended}) {
  const now = ended ? "end" : to;
  return from === now ? null : element("span", "change", `${from || "begins"} → ${now}`);
}

// A Ladder shows the steps of one call in a list.
export class Ladder {
  #host; #names; #list; #known = []; #seen = new Set(); #columns = []; #steps = new Map(); #began = 0; #time = ""; #selected; #tabStop;
  #last = -1;
  onOpen = (step) => {}; // is told which step somebody wants to see whole

  constructor(host, id) {
    this.#host = host;
    host.classList.add("ladder");
    this.#names = element("div");
    const head = element("div", "names", this.#names);
    head.ariaHidden = "true";
    this.#list = element("ol");
    this.#list.id = id;
    this.#list.ariaLabel = "Messages of the call";
    host.replaceChildren(head, this.#list);
    this.#tabStop = arrows(this.#list, ".step", (button) => { if (this.#selected) this.#open(button); });
    this.#list.addEventListener("click", ({target}) => {
      const button = target.closest(".step");
      if (button) this.#open(button);
    });
  }

  // peers are the transports that there are, in order.
  set peers(names) {
    if (names.join() === this.#known.join()) return;
    this.#known = names;
    this.#place();
  }

  // last is the number of the newest step, -1 if there is none.
  get last() { return this.#last; }

  // seen says whether the newest step can be seen.
  get seen() {
    const last = this.#list.querySelector("li:last-child");
    return !last || last.getBoundingClientRect().top < innerHeight;
  }

  clear() {
    this.#list.replaceChildren();
    this.#steps.clear();
    this.#last = -1;
    this.#seen.clear();
    this.#time = "";
    this.#selected = undefined;
    this.#place();
  }

  // add shows a step below all others; one that is there already changes nothing.
  add(step) {
    if (this.#steps.has(step.n)) return;
    const at = Date.parse(step.at);
    if (this.#steps.size === 0) this.#began = at;
    const ends = step.transport === engine && step.type === "call.end";
    const button = element("button", "step");
    button.type = "button";
    button.tabIndex = -1;
    const item = element("li", "", button);
    item.dataset.n = step.n;
    item.dataset.type = step.type;
    item.dataset.transport = step.transport;
    item.dataset.outcome = step.outcome;
    this.#steps.set(step.n, {step, item, button});
    this.#last = Math.max(this.#last, step.n);
    // What no rule is for is of no use to see, if the engine said it to itself.
    item.hidden = step.transport === engine && step.outcome === "unmatched" && !ends;
    const seconds = ((at - this.#began) / 1000).toFixed(3);
    const time = element("time", "", !item.hidden && seconds !== this.#time ? seconds : "");
    if (!item.hidden) this.#time = seconds;
    time.dateTime = step.at;
    time.title = clock(step.at, {ms: true});
    const track = element("span", "track");
    button.append(time, track);
    const moved = this.#see(step);
    if (!step.again || this.#steps.size === 1) {
      track.append(ends ? this.#end(step) : this.#message(step.transport, step.type, step.body, true));
    }
    if (step.rule || step.outcome !== "unmatched" || !ends) track.append(this.#rule(step));
    for (const {to, type, body} of step.sent ?? []) track.append(this.#message(to, type, body, false));
    this.#list.append(item);
    if (moved) this.#place();
    else this.#arrange(item);
    if (this.#steps.size > most) this.#drop();
    this.#tabStop();
  }

  // drop takes away the oldest step after the first ones, but not the one that is
  // marked.
  #drop() {
    let item = this.#list.children[first];
    if (item.firstChild === this.#selected?.button || item.contains(document.activeElement)) item = item.nextElementSibling;
    this.#steps.delete(Number(item.dataset.n));
    item.remove();
  }

  // select marks a step, and gives it; undefined if it is not there.
  select(n) {
    this.#selected?.button.removeAttribute("aria-current");
    this.#selected = this.#steps.get(n);
    this.#selected?.button.setAttribute("aria-current", "true");
    return this.#selected?.step;
  }

  // focus goes to the step that is marked, or was.
  focus(n) { this.#steps.get(n)?.button.focus(); }

  // beside gives the number of the step before (-1) or after (1) one; undefined if
  // there is none.
  beside(n, way) {
    let item = this.#steps.get(n)?.item;
    do item = way < 0 ? item?.previousElementSibling : item?.nextElementSibling; while (item?.hidden);
    return item ? Number(item.dataset.n) : undefined;
  }

  // reveal brings a step into sight.
  reveal(n) { this.#steps.get(n)?.item.scrollIntoView({block: "nearest"}); }

  #open(button) {
    const n = Number(button.closest("li").dataset.n);
    this.onOpen(this.#steps.get(n).step);
  }

  #message(transport, type, body, inward) {
    const made = element("span", inward ? "message" : "message sent");
    made.dataset.transport = transport;
    made.dataset.inward = inward;
    const label = element("span", "label", breakable(type));
    const detail = telling(body);
    if (detail) label.append(" ", element("b", "", detail));
    made.append(element("span"), label, element("span", "way"));
    return made;
  }

  #end({body}) {
    const cause = body?.cause ? `: ${body.cause}` : "";
    const after = Number.isFinite(body?.duration) ? `, after ${lasting(body.duration)}` : "";
    return element("span", "across", element("span", "", `the call ends${cause}${after}`));
  }

  #rule(step) {
    const {outcome, rule} = step;
    const words = {unmatched: "no rule is for it", waiting: "it waits for its call to begin", late: "its call had ended", failed: "it failed"};
    const made = element("span", `rule ${outcome}`, rule ?? words[outcome] ?? outcome);
    if (rule && outcome === "failed") made.append(" — it failed");
    const way = change(step);
    if (way) made.append(" ", way);
    return made;
  }

  // --- columns ---

  // see notes which peers a step is about; true: there is a new one.
  #see(step) {
    const before = this.#seen.size;
    if (step.transport !== engine) this.#seen.add(step.transport);
    for (const {to} of step.sent ?? []) {
      if (this.#known.includes(to)) this.#seen.add(to);
    }
    return this.#seen.size > before;
  }

  // place gives each peer its column: of two, both; of more, those that take part.
  #place() {
    const few = this.#known.length <= 2;
    const names = this.#known.filter((name) => few || this.#seen.has(name));
    for (const name of this.#seen) if (!names.includes(name)) names.push(name);
    names.splice(1, 0, self);
    this.#columns = names;
    this.#names.replaceChildren(...names.map((name, i) => {
      const made = element("span", this.#color(name), name);
      const at = this.#at(name);
      made.style.setProperty("--at", `${at}%`);
      made.dataset.place = i === 0 ? "first" : i === names.length - 1 ? "last" : "middle";
      return made;
    }));
    this.#host.style.setProperty("--room", `${100 / names.length}%`);
    this.#host.style.setProperty("--lives", names.map(() => "linear-gradient(var(--life), var(--life))").join());
    this.#host.style.setProperty("--lives-at", names.map((name) => `${this.#at(name)}% 0`).join());
    for (const {item} of this.#steps.values()) this.#arrange(item);
  }

  // at is where a column stands, in percent.
  #at(name) {
    const edge = 3;
    const i = this.#columns.indexOf(name);
    return this.#columns.length < 2 ? edge : edge + (100 - 2 * edge) * i / (this.#columns.length - 1);
  }

  #color(name) {
    if (name === self) return "own";
    const i = this.#columns.indexOf(name);
    return `peer${(i > 1 ? i - 1 : i) % 4}`;
  }

  // arrange draws the arrows of a step between their columns.
  #arrange(item) {
    for (const made of item.querySelectorAll(".message")) {
      const peer = made.dataset.transport;
      const inward = made.dataset.inward === "true";
      const [far, , way] = made.children;
      made.classList.remove("peer0", "peer1", "peer2", "peer3", "word", "left", "right", "begins", "ends");
      const x = this.#at(self);
      if (!this.#columns.includes(peer)) {
        made.classList.add("word");
        made.style.setProperty("--x", `${x}%`);
        far.textContent = inward ? "" : `into ${peer}: `;
        far.className = "into";
        continue;
      }
      far.className = "far";
      const y = this.#at(peer);
      made.classList.add(this.#color(peer), (y > x) === inward ? "left" : "right", y > x ? "ends" : "begins");
      made.style.setProperty("--x", `${Math.min(x, y)}%`);
      made.style.setProperty("--w", `${Math.abs(x - y)}%`);
      way.ariaHidden = "true";
      far.textContent = inward ? `${peer} to Vertigo: ` : `Vertigo to ${peer}: `;
    }
  }
}

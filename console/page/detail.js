// All of one message: what came, what went, what differs, and of each rule why it
// did not fire.

import {get, path} from "./api.js";
import {element} from "./dom.js";
import {changed, json} from "./json.js";
import {change} from "./ladder.js";
import {clock} from "./time.js";

// elsewhere are the verdicts of rules that this message was not for.
const elsewhere = ["state", "other", "no call", "call exists", "no key"];

const verdicts = {
  fired: "fired", failed: "failed", hidden: "not tried", state: "other state", other: "not for it", "no call": "no call", "call exists": "call exists",
  "no key": "no key", condition: "false", limit: "limit", beyond: "limit",
};

// A Detail shows one step at a time in a part of the page.
export class Detail {
  #host; #asked;
  #place = null; // call and number of the step that is shown
  onClose = () => {};
  onMove = (way) => {}; // -1: the message before, 1: the next

  constructor(host) {
    this.#host = host;
    host.classList.add("detail");
    host.hidden = true;
    host.addEventListener("keydown", (event) => {
      if (event.key === "Escape") {
        event.stopPropagation();
        this.onClose();
      }
    });
  }

  // covers says whether it lies over what it is about.
  get covers() { return getComputedStyle(this.#host).position === "fixed"; }

  get place() { return this.#place; }

  close() {
    this.#asked?.abort();
    this.#place = null;
    this.#host.hidden = true;
    this.#host.replaceChildren();
  }

  // show shows a step: what is known of it at once, the rest when it is told.
  async show(call, step) {
    this.#asked?.abort();
    const asked = this.#asked = new AbortController();
    this.#place = {call, n: step.n};
    const differs = (step.sent ?? []).map(() => element("div"));
    const rules = element("div", "", element("p", "quiet", "Asking every rule…"));
    rules.ariaBusy = "true";
    const busy = this.#host.contains(document.activeElement) ? document.activeElement.dataset.act : undefined;
    this.#host.replaceChildren(this.#head(step), ...this.#messages(step, differs), element("h4", "", "Rules for this message"), rules);
    this.#host.hidden = false;
    this.#host.scrollTop = 0;
    if (busy) this.#host.querySelector(`[data-act="${busy}"]`).focus();
    if (this.covers && !busy) this.#host.querySelector('[data-act="close"]').focus();
    try {
      const found = await get(`calls/${path(call)}/steps/${step.n}`, {}, asked.signal);
      this.#differs(step, differs, found.differs ?? []);
      rules.replaceChildren(...this.#rules(found));
    } catch (err) {
      if (asked.signal.aborted) return;
      rules.replaceChildren(element("p", "wrong", `It cannot be told: ${err.message}`));
    }
    rules.ariaBusy = "false";
  }

  #head(step) {
    const button = (act, name, text, press) => {
      const made = element("button", "", text);
      made.type = "button";
      made.dataset.act = act;
      made.title = made.ariaLabel = name;
      made.addEventListener("click", press);
      return made;
    };
    const head = element("header", "",
      element("h3", "", step.type),
      element("div", "tools",
        button("before", "The message before", "↑", () => this.onMove(-1)),
        button("after", "The next message", "↓", () => this.onMove(1)),
        button("close", "Close", "✕", () => this.onClose())),
      element("p", "quiet", `${step.transport === "engine" ? "said by the engine" : `from ${step.transport}`}, ${clock(step.at, {ms: true})}`));
    if (step.rule) head.append(element("p", "", element("b", "", step.rule), " ", element("code", "", step.place)));
    else head.append(element("p", "", `No rule acted on it: ${step.outcome}.`));
    const way = change(step);
    if (way) head.append(element("p", "", way));
    if (step.error) head.append(element("p", "wrong", step.error));
    return head;
  }

  #messages(step, differs) {
    const parts = [];
    if (step.body !== undefined && step.body !== null) parts.push(this.#message(`${step.type} came`, step.body));
    (step.sent ?? []).forEach(({to, type, address, body}, i) => {
      parts.push(this.#message(`${type} went to ${to}`, body, address, differs[i]));
    });
    return parts;
  }

  #message(title, body, address = {}, differs = "") {
    const head = element("div", "title", element("h4", "", title));
    if (navigator.clipboard && body !== undefined) {
      const copy = element("button", "small", "Copy");
      copy.type = "button";
      copy.addEventListener("click", async () => {
        await navigator.clipboard.writeText(typeof body === "string" ? body : JSON.stringify(body, null, 2));
        copy.textContent = "Copied";
      });
      head.append(copy);
    }
    const where = Object.entries(address).map(([key, value]) => `${key} ${value}`).join(", ");
    return element("section", "", head,
      where && element("p", "quiet", where),
      body === undefined || body === null ? element("p", "quiet", "It has no body.") : json(body),
      differs);
  }

  // differs puts what differs below what went.
  #differs(step, boxes, found) {
    const left = [...found];
    (step.sent ?? []).forEach(({to, type}, i) => {
      const at = left.findIndex((one) => one.to === to && one.type === type);
      if (at < 0) return;
      const [{lines}] = left.splice(at, 1);
      if (!lines?.length) return;
      boxes[i].append(element("h5", "", "What differs from what came"), changed(lines));
    });
  }

  #rules({candidates = [], note}) {
    const parts = [];
    if (note) parts.push(element("p", "quiet", note));
    const here = candidates.filter(({verdict}) => !elsewhere.includes(verdict));
    const other = candidates.filter(({verdict}) => elsewhere.includes(verdict));
    if (candidates.length === 0) parts.push(element("p", "quiet", "No rule is for messages of this type."));
    if (here.length) parts.push(element("ol", "candidates", ...here.map((one) => this.#candidate(one))));
    if (other.length) {
      parts.push(element("details", "", element("summary", "", other.length === 1 ? "1 rule is for other calls or states" : `${other.length} rules are for other calls or states`),
        element("ol", "candidates", ...other.map((one) => this.#candidate(one)))));
    }
    return parts;
  }

  #candidate({rule, place, verdict, reason, source, where, values}) {
    const item = element("li", "",
      element("p", "", element("span", `verdict ${verdict.replaceAll(" ", "-")}`, verdicts[verdict] ?? verdict), " ", element("b", "", rule), " ", element("code", "", place)));
    item.dataset.verdict = verdict;
    if (reason && reason !== verdict && !(source && reason === "false")) item.append(element("p", "", reason));
    if (source) {
      item.append(element("pre", "json source", source));
      if (where) item.append(element("p", "quiet", `at ${where}`));
    }
    if (values?.length) item.append(element("ul", "values", ...values.map((value) => element("li", "", element("code", "", value)))));
    return item;
  }
}

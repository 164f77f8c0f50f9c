// The ladder of the newest call, as the bridge's engine tells it.

const most = 500; // lines that are kept

function element(name, text, ...classes) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  made.classList.add(...classes);
  return made;
}

const side = (transport) => ["matrix", "pbx", "engine", "calllog"].includes(transport) ? transport : "engine";

function arrow(transport, type, inward) {
  switch (side(transport)) {
  case "matrix": return inward ? `${type} ──▶` : `◀── ${type}`;
  case "pbx": return inward ? `◀── ${type}` : `${type} ──▶`;
  }
  return `∗ ${type}`;
}

function json(title, value) {
  const part = element("div", undefined, "part");
  part.append(element("h4", title), element("pre", typeof value === "string" ? value : JSON.stringify(value, null, 2)));
  return part;
}

export class Ladder {
  #list; #empty; #call; #began;

  constructor(list, empty) {
    this.#list = list;
    this.#empty = empty;
  }

  // add shows a step. A call that begins takes the place of the one before; what
  // the engine says of calls that have gone is left out.
  add(step) {
    if (step.began) {
      this.#call = step.call;
      this.#began = Date.parse(step.at);
      this.#list.replaceChildren();
      this.#empty.hidden = true;
    }
    if (!step.call || step.call !== this.#call) return;
    if (step.transport === "engine" && step.outcome === "unmatched") return;
    const last = this.#list.lastElementChild;
    const follow = !last || last.getBoundingClientRect().top < innerHeight;
    this.#list.append(this.#line(step));
    if (this.#list.childElementCount > most) this.#list.firstElementChild.remove();
    if (follow && last && matchMedia("(min-width: 52rem)").matches) this.#list.lastElementChild.scrollIntoView({block: "nearest"});
  }

  #line(step) {
    const item = element("li");
    item.dataset.type = step.type;
    item.dataset.transport = step.transport;
    item.dataset.outcome = step.outcome;
    const details = element("details");
    const summary = element("summary");
    const time = element("time", ((Date.parse(step.at) - this.#began) / 1000).toFixed(2));
    time.dateTime = step.at;
    summary.append(time, element("span", arrow(step.transport, step.type, true), "line", side(step.transport)));
    const rule = element("span", step.rule ?? `no rule: ${step.outcome}`, "rule");
    if (step.outcome === "failed") rule.classList.add("wrong");
    if (step.from !== step.to || step.ended) {
      rule.append(" ", element("span", `${step.from || "begins"} → ${step.ended ? "end" : step.to}`, "change"));
    }
    summary.append(rule);
    for (const {to, type} of step.sent ?? []) summary.append(element("span", arrow(to, type, false), "line", "sent", side(to)));
    details.append(summary);
    details.addEventListener("toggle", () => this.#open(details, step), {once: true});
    item.append(details);
    return item;
  }

  // The JSON is laid out when somebody wants to see it.
  #open(details, step) {
    const box = element("div", undefined, "json");
    if (step.place) box.append(element("p", `The rule stands at ${step.place}.`, "quiet"));
    if (step.error) box.append(element("p", step.error, "wrong"));
    if (step.body !== undefined) box.append(json(`${step.type} came`, step.body));
    for (const {to, type, address, body} of step.sent ?? []) {
      const where = Object.entries(address ?? {}).map(([key, value]) => `${key} ${value}`).join(", ");
      box.append(json(`${type} was sent to ${to}${where && ", " + where}`, body ?? null));
    }
    details.append(box);
  }
}

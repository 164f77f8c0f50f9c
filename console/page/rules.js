// The view of the rules: how often each has fired, and how they were loaded.

import {get} from "./api.js";
import {$, element, fields, write} from "./dom.js";
import {findings} from "./findings.js";
import {ago, clock} from "./time.js";

const few = 3; // messages of a rule that are all shown

// messages is the cell with what a rule is for.
function messages(on) {
  const shown = on.length > few + 1 ? few : on.length;
  const cell = element("td", "on", ...on.slice(0, shown).map((one) => element("span", "", one)),
    shown < on.length && element("span", "quiet", `and ${on.length - shown} more`));
  if (shown < on.length) cell.title = on.join("\n");
  return cell;
}

const orders = {
  order: () => 0,
  hits: (a, b) => b.hits - a.hits,
  last: (a, b) => (Date.parse(b.last) || 0) - (Date.parse(a.last) || 0),
};

export class Rules {
  #go; #rules = []; #rows = new Map(); #loaded = ""; #shown = false; #ticks = 0;

  constructor(go) {
    this.#go = go;
    $("rules-search").addEventListener("submit", (event) => event.preventDefault());
    $("rules-search").addEventListener("input", () => {
      const query = new URLSearchParams(Object.entries({
        q: $("rules-q").value, sort: $("rules-sort").value === "order" ? "" : $("rules-sort").value, never: $("rules-never").checked ? "1" : "",
      }).filter(([, value]) => value));
      this.#go(`#/rules${query.size ? "?" + query : ""}`, true);
    });
  }

  show(_, query) {
    this.#shown = true;
    if (document.activeElement !== $("rules-q")) $("rules-q").value = query.get("q") ?? "";
    $("rules-sort").value = query.get("sort") in orders ? query.get("sort") : "order";
    $("rules-never").checked = query.has("never");
    document.title = "Rules – Vertigo";
    this.#draw();
    return this.#ask();
  }

  hide() { this.#shown = false; }

  opened() { return this.#ask(); }

  onState({rules}) {
    const {files, hash, loaded, count, reloads, used, findings: found} = rules;
    const text = JSON.stringify(rules);
    if (text === this.#loaded) return;
    this.#loaded = text;
    fields($("rules-facts"), [
      ["Files", files.join(", ")], ["Loaded", `${clock(loaded)}, ${ago(loaded)} ago`], ["Rules", String(count)],
      ["Reloads", String(reloads)], ["Version", hash],
    ]);
    const reload = $("rules-reload");
    reload.className = used ? "quiet" : "alarm";
    write(reload, !used ? "The last reload was refused: the rules from before are in use. What was found:"
      : found?.length ? "What was found when they were loaded:" : "");
    $("rules-findings").replaceChildren(...(found?.length ? [findings(found)] : []));
    if (this.#shown) this.#ask();
  }

  onCalls() {}

  tick() {
    if (++this.#ticks % 5 === 0) this.#ask();
  }

  async #ask() {
    try {
      this.#rules = (await get("rules")).rules;
      write($("rules-trouble"), "");
    } catch (err) {
      write($("rules-trouble"), err.message);
      return;
    }
    if (this.#shown) this.#draw();
  }

  #draw() {
    const text = $("rules-q").value.trim().toLowerCase();
    const never = $("rules-never").checked;
    const list = this.#rules.filter(({name, place, on, hits}) => (!never || hits === 0) &&
      (!text || [name, place, ...on].some((value) => value.toLowerCase().includes(text))));
    list.sort(orders[$("rules-sort").value]);
    const unfired = this.#rules.filter(({hits}) => hits === 0).length;
    write($("rules-found"), this.#rules.length === 0 ? "" : `${list.length} of ${this.#rules.length} rules; ${unfired} ${unfired === 1 ? "has" : "have"} never fired`);
    const rows = list.map((rule) => this.#row(rule));
    const body = $("rules-list");
    if (rows.length !== body.children.length || rows.some((row, i) => row !== body.children[i])) body.replaceChildren(...rows);
  }

  #row(rule) {
    const key = `${rule.place} ${rule.name}`;
    let made = this.#rows.get(key);
    if (!made) {
      made = element("tr", "",
        element("td", "hits"), element("td", "last"), element("td", "name", rule.name), messages(rule.on),
        element("td", "in", (rule.in ?? []).join(", ")), element("td", "place", element("code", "", rule.place)));
      this.#rows.set(key, made);
    }
    made.classList.toggle("never", rule.hits === 0);
    write(made.children[0], String(rule.hits));
    write(made.children[1], rule.last ? clock(rule.last) : "never");
    return made;
  }
}

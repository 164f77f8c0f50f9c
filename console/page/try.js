// The view in which rules are tried: copies of the bridge's files are edited, and
// go through the messages of the last calls.

import {get, path, post} from "./api.js";
import {$, element, write} from "./dom.js";
import {findings} from "./findings.js";
import {title} from "./call.js";

const kept = "vertigo.try"; // what was edited outlives a reload of the page, in this tab
const named = 50;           // calls that differ are called by who called whom, the others by their ids

// written is the text of a file as its author ends lines.
const written = ({text, crlf}) => crlf ? text.replaceAll("\n", "\r\n") : text;

// bare is the name of a file without its directory.
const bare = (name) => name.split(/[\\/]/).at(-1);

export class Try {
  #files = []; #shown = 0; #running = false; #asked; #loading; #faulty = new Map();

  constructor() {
    const text = $("text");
    text.addEventListener("input", () => {
      this.#files[this.#shown].text = text.value;
      this.#keep();
      this.#number();
      this.#tell();
    });
    text.addEventListener("scroll", () => { $("lines").scrollTop = text.scrollTop; });
    text.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.#run();
    });
    $("run").addEventListener("click", () => this.#run());
    $("download").addEventListener("click", () => this.#download());
    $("restore").addEventListener("click", () => {
      const file = this.#files[this.#shown];
      file.text = file.base;
      this.#keep();
      this.#open(this.#shown);
    });
    $("files").addEventListener("keydown", (event) => {
      const step = {ArrowRight: 1, ArrowLeft: -1}[event.key];
      if (!step) return;
      this.#open((this.#shown + step + this.#files.length) % this.#files.length);
      $("files").children[this.#shown].focus();
    });
  }

  show() {
    document.title = "Try – Vertigo";
    if (this.#files.length === 0) return this.#load();
  }

  hide() {}
  opened() {}
  onState() {}
  onCalls() {}
  tick() {}

  async onRules({used}) {
    if (used) await this.#load();
  }

  // load asks for the files as the bridge has them. What was edited stays.
  async #load() {
    this.#loading?.abort();
    const asked = this.#loading = new AbortController();
    try {
      const {files, left_out: leftOut = []} = await get("rules/files", {}, asked.signal);
      const edited = new Map(this.#edited().map((file) => [file.name, file]));
      this.#files = files.map(({name, text: loaded}) => {
        const text = loaded.replaceAll("\r\n", "\n"); // as the text area has it
        const before = edited.get(name);
        return {name, base: text, text: before?.text ?? text, old: !!before && before.base !== text, crlf: loaded.includes("\r\n")};
      });
      write($("try-files"), leftOut.length ? `Too long to be changed here, and tried as they are: ${leftOut.join(", ")}` : "");
    } catch (err) {
      if (!asked.signal.aborted) write($("try-note"), err.message);
      return;
    }
    const same = (name) => this.#files.filter((file) => bare(file.name) === bare(name)).length > 1;
    $("files").replaceChildren(...this.#files.map(({name}, i) => {
      const tab = element("button", "", same(name) ? name : bare(name));
      tab.title = name;
      tab.type = "button";
      tab.role = "tab";
      tab.setAttribute("aria-controls", "editor");
      tab.addEventListener("click", () => this.#open(i));
      return tab;
    }));
    if (this.#files.length) this.#open(Math.min(this.#shown, this.#files.length - 1));
  }

  #edited() {
    if (this.#files.length) return this.#files.filter(({base, text}) => base !== text);
    try {
      return JSON.parse(sessionStorage.getItem(kept)) ?? [];
    } catch {
      return [];
    }
  }

  #keep() {
    const edited = this.#edited().map(({name, base, text}) => ({name, base, text}));
    try {
      sessionStorage.setItem(kept, JSON.stringify(edited));
    } catch {
      // there is no room, or storage is forbidden: a reload of the page forgets
    }
  }

  #open(i) {
    this.#shown = i;
    [...$("files").children].forEach((tab, at) => {
      tab.ariaSelected = String(at === i);
      tab.tabIndex = at === i ? 0 : -1;
    });
    $("text").value = this.#files[i].text;
    $("text").scrollTop = 0;
    this.#number();
    this.#tell();
  }

  // number shows the numbers of the lines; those with faults are marked.
  #number() {
    const file = this.#files[this.#shown];
    const faulty = this.#faulty.get(file.name) ?? new Set();
    const count = file.text.split("\n").length;
    const lines = $("lines");
    while (lines.childElementCount > count) lines.lastElementChild.remove();
    while (lines.childElementCount < count) lines.append(element("span", "", `${lines.childElementCount + 1}\n`));
    [...lines.children].forEach((line, at) => { line.className = faulty.has(at + 1) ? "wrong" : ""; });
    lines.scrollTop = $("text").scrollTop;
  }

  #tell() {
    const file = this.#files[this.#shown];
    const edited = file.text !== file.base;
    [...$("files").children].forEach((tab, i) => tab.classList.toggle("edited", this.#files[i].text !== this.#files[i].base));
    $("restore").disabled = !edited;
    $("run").disabled = $("download").disabled = false;
    write($("try-note"), edited && file.old ? "The bridge has read this file anew since you began to change it: compare, before you put yours in its place." : "");
  }

  async #run() {
    if (this.#running || this.#files.length === 0) return;
    this.#asked?.abort();
    const asked = this.#asked = new AbortController();
    this.#running = true;
    $("run").disabled = true;
    write($("tried"), "They go through the messages of the last calls…");
    write($("tried-note"), "");
    $("differences").replaceChildren();
    try {
      const found = await post("try", {files: this.#edited().map((file) => ({name: file.name, text: written(file)}))}, asked.signal);
      this.#result(found);
      this.#name(asked.signal);
    } catch (err) {
      write($("tried"), `They could not be tried: ${err.message}`);
    } finally {
      this.#running = false;
      $("run").disabled = false;
    }
  }

  // name says of the calls that differ who called whom.
  async #name(signal) {
    try {
      for (const link of [...$("differences").querySelectorAll("h3 a")].slice(0, named)) {
        const {calls: [call]} = await get("calls", {q: link.textContent, limit: "1"}, signal);
        if (call) link.textContent = title(call);
      }
    } catch {
      // they keep their ids
    }
  }

  #result({findings: found = [], calls, messages, differences = [], cut, whole}) {
    this.#faulty.clear();
    for (const {file, line} of found) {
      if (!this.#faulty.has(file)) this.#faulty.set(file, new Set());
      this.#faulty.get(file).add(line);
    }
    this.#number();
    const parts = [];
    if (found.length) parts.push(element("h3", "", "Findings"), findings(found, (one) => this.#point(one)));
    const refused = found.some(({severity}) => severity === "error");
    if (!refused) {
      const byCall = Map.groupBy(differences, ({call}) => call);
      for (const [call, list] of byCall) parts.push(this.#differences(call, list));
    }
    $("differences").replaceChildren(...parts);
    const over = `${calls} ${calls === 1 ? "call" : "calls"} with ${messages} ${messages === 1 ? "message" : "messages"}`;
    write($("tried"), refused ? "These rules cannot be used."
      : messages === 0 ? "There was no call yet that they could go through."
      : differences.length === 0 ? `No difference, in ${over}.`
      : `${differences.length}${cut ? " and more" : ""} ${differences.length === 1 && !cut ? "difference" : "differences"}, in ${over}.`);
    write($("tried-note"), refused || messages === 0 || whole ? ""
      : "Not all that came at that time is still kept: a call may have met something that is missing here.");
  }

  #differences(call, list) {
    const title = element("h3", "", "Call ");
    if (call) {
      const link = element("a", "", call);
      link.href = `#/calls/${path(call)}`;
      title.append(link);
    } else {
      title.textContent = "Messages of no call";
    }
    return element("section", "", title, element("ul", "changes", ...list.map(({what, text, rule, old_rule: old}) => {
      const [first, ...more] = text.replace(/^[-+~] /, "").split("\n"); // the sign is what the pill says
      return element("li", what,
        element("p", "", element("span", `verdict ${what}`, what), " ", first),
        more.length > 0 && element("pre", "json", more.map((line) => line.replace(/^ {4}/, "")).join("\n")),
        !first.includes(rule || old || "") && element("p", "quiet", [old, rule].filter(Boolean).join(" → ")));
    })));
  }

  // point goes to the place of a finding.
  #point({file, line, column}) {
    const i = this.#files.findIndex(({name}) => name === file);
    if (i < 0) return;
    this.#open(i);
    const text = $("text");
    const lines = text.value.split("\n");
    const at = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    text.focus();
    text.setSelectionRange(at + Math.max(0, (column ?? 1) - 1), at + (lines[line - 1]?.length ?? 0));
    text.scrollTop = (line - 4) * parseFloat(getComputedStyle(text).lineHeight);
  }

  #download() {
    const file = this.#files[this.#shown];
    const link = element("a");
    link.href = URL.createObjectURL(new Blob([written(file)], {type: "text/plain"}));
    link.download = bare(file.name);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000); // the browser has read it by then
  }
}

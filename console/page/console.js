// The console: which view is seen, and what all of them are told.

import {get, Stream} from "./api.js";
import {$, write} from "./dom.js";
import {setClock} from "./time.js";
import {Calls} from "./calls.js";
import {CallView} from "./call.js";
import {Health} from "./health.js";
import {Rules} from "./rules.js";
import {Try} from "./try.js";

const stream = new Stream();
const views = {
  calls: new Calls(go),
  call: new CallView(go, (id) => stream.follow(id)),
  rules: new Rules(go),
  try: new Try(),
  health: new Health(),
};
const all = Object.values(views);

let name;       // of the view that is seen
let state;      // of the bridge, as it was told last
let following = false; // a call's steps are wanted

// go leads to a place of the page; instead: the one before is not to be gone back to.
function go(hash, instead = false) {
  if (location.hash === hash) return;
  if (instead) history.replaceState(null, "", hash);
  else history.pushState(null, "", hash);
  show();
}

// show shows the view that the address names: #/calls/ID/STEP, #/rules?q=TEXT.
function show() {
  const [place, query = ""] = location.hash.split("?", 2);
  let parts;
  try {
    parts = place.split("/").slice(1).map(decodeURIComponent);
  } catch {
    parts = ["nowhere"];
  }
  let next = parts[0] || "calls";
  if (next === "calls" && parts[1]) next = "call";
  else if (next === "call" || !(next in views)) next = "nowhere";
  const before = name;
  name = next;
  if (next !== before) {
    views[before]?.hide();
    for (const view of document.querySelectorAll(".view")) view.hidden = view.id !== next;
    for (const link of document.querySelectorAll("nav a")) {
      if (link.hash === "#/" + (parts[0] || "calls")) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    if (before) { // whoever reads aloud goes where the page goes
      scrollTo(0, 0);
      $(`${next}-title`).focus();
    }
  }
  if (before === "calls" && next === "call") $("back").hash = last;
  if (next === "calls") last = location.hash || "#/calls";
  views[next]?.show(parts.slice(1), new URLSearchParams(query));
  if (state) views[next]?.onState(state);
  if (next !== "call" && following) stream.follow("");
  following = next === "call";
}

let last = "#/calls"; // where the list of calls was

// --- what the bridge tells ---

async function ask() {
  try {
    const told = await get("state");
    setClock(told.now);
    take(told);
  } catch (err) {
    lost(err.message);
  }
}

function take(told) {
  state = told;
  write($("live-count"), told.calls.live ? String(told.calls.live) : "");
  $("live-count").title = `${told.calls.live} under way`;
  const alarms = told.transports.filter(({up}) => !up).map(({name}) => `${name} is not connected.`);
  if (!told.rules.used) alarms.push("The last reload of the rules was refused.");
  write($("alarm"), alarms.join(" "));
  $("alarm").hidden = alarms.length === 0;
  for (const view of all) view.onState(told);
}

function lost(why) {
  write($("link"), why ? `Not connected: ${why}` : "Not connected");
  $("link").className = "down";
}

stream.onOpen = () => {
  write($("link"), "Live");
  $("link").className = "up";
  ask();
  views[name]?.opened();
};
stream.onLost = () => lost();
stream.on.calls = ({calls}) => views[name]?.onCalls(calls);
stream.on.step = (told) => views.call.onStep(told);
stream.on.rules = (told) => {
  ask();
  views.try.onRules(told);
};
stream.on.transports = () => ask();

// --- keys ---

addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select")) return;
  const search = document.querySelector(".view:not([hidden]) input[type=search]");
  event.preventDefault();
  if (search) {
    search.focus();
    search.select();
  } else {
    go("#/calls");
    $("q").focus();
  }
});

addEventListener("hashchange", show);
show();
if (name !== "call") stream.follow("");
setInterval(() => { if (!document.hidden) views[name]?.tick(); }, 1000);
setInterval(() => { if (!document.hidden) ask(); }, 5000);

// The view of the bridge's health.

import {$, element, fields} from "./dom.js";
import {ago, clock} from "./time.js";

export class Health {
  show() { document.title = "Health – Vertigo"; }
  hide() {}
  opened() {}
  onCalls() {}
  tick() {}

  onState({version, begun, rules, transports, calls}) {
    $("transports").replaceChildren(...transports.map(({name, kind, up, since}) => element("li", up ? "up" : "down",
      element("b", "", name), element("span", "quiet", kind),
      element("span", "verdict " + (up ? "fired" : "failed"), up ? "up" : "down"),
      element("span", "", since ? `since ${clock(since)}, ${ago(since)}` : ""))));
    fields($("health-facts"), [
      ["Version", version], ["Runs", `${ago(begun)}, since ${clock(begun)}`],
      ["Rules", `${ago(rules.loaded)} old${rules.used ? "" : "; newer ones were refused"}`],
      ["Calls under way", String(calls.live)], ["Calls kept", String(calls.kept)],
    ]);
    const states = Object.entries(calls.states ?? {}).sort(([, a], [, b]) => b - a);
    const most = Math.max(1, ...states.map(([, n]) => n));
    $("states").replaceChildren(...states.map(([state, n]) => {
      const bar = element("span", "bar");
      bar.style.setProperty("--part", `${100 * n / most}%`);
      bar.ariaHidden = "true";
      return element("div", "", element("dt", "", state), element("dd", "", bar, element("b", "", String(n))));
    }));
    $("states-empty").hidden = states.length > 0;
  }
}

// What was found in rules.

import {element} from "./dom.js";

// findings gives a list; go, if there is one, is called with a finding whose place
// somebody wants to see.
export function findings(found, go = null) {
  return element("ul", "findings", ...found.map((one) => {
    const {file, line, column, severity, code, text, hint, source} = one;
    const at = [file, line, column].filter(Boolean).join(":");
    let place = element("code", "", at);
    if (go && file && line) {
      place = element("button", "link", at);
      place.type = "button";
      place.addEventListener("click", () => go(one));
    }
    const item = element("li", severity,
      element("p", "", place, " ", element("span", "verdict " + severity, severity), " ", text, " ", code && element("span", "quiet", `[${code}]`)));
    if (source) item.append(element("pre", "json source", source));
    if (hint) item.append(element("p", "quiet", `hint: ${hint}`));
    return item;
  }));
}

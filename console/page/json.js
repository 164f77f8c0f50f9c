// JSON as people read it: indented, and texts of several lines, such as an SDP, as
// lines.

import {element} from "./dom.js";

const plainFrom = 200000; // characters from which JSON is shown without colours

// json shows a value; text that is none, as it came.
export function json(value) {
  const box = element("pre", "json");
  box.tabIndex = 0;
  const text = JSON.stringify(value, null, 2);
  if (typeof value === "string" || text.length > plainFrom) box.append(typeof value === "string" ? value : text);
  else add(box, value, "");
  return box;
}

function add(box, value, indent) {
  if (Array.isArray(value)) return list(box, value.map((item) => [null, item]), "[", "]", indent);
  if (value !== null && typeof value === "object") return list(box, Object.entries(value), "{", "}", indent);
  if (typeof value === "string" && value.trim().includes("\n")) {
    box.append(element("span", "lines", value.trimEnd().replaceAll("\r\n", "\n")));
    return;
  }
  box.append(element("span", typeof value === "string" ? "text" : "number", JSON.stringify(value)));
}

function list(box, entries, open, close, indent) {
  if (entries.length === 0) return box.append(open + close);
  box.append(open);
  entries.forEach(([key, value], i) => {
    box.append(after(box) + indent + "  ");
    if (key !== null) box.append(element("span", "key", JSON.stringify(key)), ": ");
    add(box, value, indent + "  ");
    if (i < entries.length - 1 && after(box)) box.append(",");
  });
  box.append(after(box) + indent + close);
}

// after is what a new line begins with: behind a text of lines there is one already.
const after = (box) => box.lastChild.className === "lines" ? "" : "\n";

// changed shows lines that tell how what went differs: - is of what came, + of what
// went.
export function changed(lines) {
  return element("pre", "json", ...lines.map((line) =>
    element("span", {"-": "came", "+": "went"}[line[0]] ?? "", line + "\n")));
}

// Small helpers for the document. What peers say comes in as text alone.

// element makes one; children that are text stay text.
export function element(name, classes = "", ...children) {
  const made = document.createElement(name);
  if (classes) made.className = classes;
  made.append(...children.filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return made;
}

export const $ = (id) => document.getElementById(id);

// breakable is the name of a message, which may be broken after its dots.
export function breakable(text) {
  const made = document.createDocumentFragment();
  for (const piece of text.split(/(?<=[._])/)) made.append(piece, document.createElement("wbr"));
  return made;
}

// write sets a text only where it changes, so that what reads it aloud stays quiet.
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// fields fills a definition list with what has a value: [name, value, classes].
export function fields(list, pairs) {
  list.replaceChildren(...pairs.filter(([, value]) => value).map(([name, value, classes = ""]) =>
    element("div", "", element("dt", "", name), element("dd", classes, value))));
}

// arrows lets the arrow keys go through a list, which then is one stop for Tab.
// Items are those that the selector finds when a key is pressed.
export function arrows(list, selector, moved = () => {}) {
  const items = () => [...list.querySelectorAll(selector)];
  const stop = (item) => {
    for (const other of list.querySelectorAll(`${selector}[tabindex="0"]`)) other.tabIndex = -1;
    item.tabIndex = 0;
  };
  list.addEventListener("focusin", ({target}) => { if (target.matches(selector)) stop(target); });
  list.addEventListener("keydown", (event) => {
    const step = {ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity}[event.key];
    if (!step || !event.target.matches(selector) || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const all = items();
    const next = all[Math.min(all.length - 1, Math.max(0, all.indexOf(event.target) + step))];
    next.focus();
    moved(next);
  });
  // The list must have one stop, whatever comes and goes in it.
  return () => {
    if (!list.querySelector(`${selector}[tabindex="0"]`)) {
      const first = list.querySelector(selector);
      if (first) first.tabIndex = 0;
    }
  };
}

// Times, as an operator reads them.

// ahead is how much the bridge's clock is ahead of this one, in ms.
let ahead = 0;

// setClock is told the bridge's time.
export function setClock(now) { ahead = Date.parse(now) - Date.now(); }

// now is the bridge's time, in ms.
export const now = () => Date.now() + ahead;

const two = (n) => String(n).padStart(2, "0");

// clock gives the time of day; of another day, with its date.
export function clock(text, {ms = false} = {}) {
  if (!text) return "";
  const at = new Date(text);
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}` + (ms ? "." + String(at.getMilliseconds()).padStart(3, "0") : "");
  if (at.toDateString() === new Date(now()).toDateString()) return time;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${time}`;
}

// lasting gives a time span: 3:07, 1:02:09.
export function lasting(ms) {
  const all = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(all / 3600);
  const minutes = Math.floor(all / 60) % 60;
  return (hours ? `${hours}:${two(minutes)}` : String(minutes)) + ":" + two(all % 60);
}

// ago gives a time span in words.
export function ago(text) {
  const seconds = Math.max(0, Math.round((now() - Date.parse(text)) / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} days`;
}

// stamp is an element for a time, with all of it for whoever points there.
export function stamp(text, shown) {
  const made = document.createElement("time");
  made.dateTime = text;
  made.title = text;
  made.textContent = shown;
  return made;
}

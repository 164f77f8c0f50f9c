
"use strict";
const messages = [...document.querySelectorAll("ol details")];
const tools = document.querySelector(".tools");
tools.hidden = false;
tools.addEventListener("click", (event) => {
  const open = event.target.dataset.open;
  if (open) for (const one of messages) one.open = open === "true";
});
const rows = [...document.querySelectorAll("summary.row")];
document.querySelector("ol").addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const next = rows[rows.indexOf(event.target) + step];
  if (!step || !next || !rows.includes(event.target)) return;
  event.preventDefault();
  next.focus();
});

// Keys of the page for graders. Everything works without them.
"use strict";

const form = document.getElementById("grade");
const comment = document.getElementById("comment");
const free = document.getElementById("free");
const sum = document.getElementById("sum");
const keys = document.getElementById("keys");

function tell() {
  if (!sum) return;
  let total = Number((free.value || "0").replace(",", ".").replace("\u2212", "-"));
  for (const line of form.querySelectorAll("[data-points]:checked")) total += Number(line.dataset.points);
  if (Number.isNaN(total)) {
    sum.textContent = "";
    return;
  }
  const most = sum.dataset.most === "" ? Infinity : Number(sum.dataset.most);
  const given = Math.round(100 * Math.min(most, Math.max(0, total))) / 100;
  sum.textContent = `Comes to ${given}${most === Infinity ? "" : ` of ${most}`}.`;
}

function insert(words) {
  comment.value = comment.value.trim() ? `${comment.value.trimEnd()}\n${words}` : words;
  comment.focus();
}

for (const button of document.querySelectorAll("[data-insert]")) {
  button.hidden = false;
  button.addEventListener("click", () => insert(document.getElementById(button.dataset.insert).textContent));
}

const follow = (id) => document.getElementById(id)?.click();
const ACTIONS = {
  c: () => comment.focus(),
  f: () => (free || comment).focus(),
  b: () => document.querySelector("[data-insert]")?.focus(),
  j: () => follow("following"),
  k: () => follow("previous"),
  n: () => follow("next-waiting"),
  h: () => follow("code"),
  "?": () => {
    keys.open = !keys.open;
    if (keys.open) keys.querySelector("summary").focus();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    form.requestSubmit(document.getElementById("send"));
    return;
  }
  const at = event.target;
  const isTyping = at.matches("textarea, select, input:not([type=checkbox])");
  if (event.key === "Escape" && isTyping) {
    at.blur();
    return;
  }
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  const line = form.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
  if (line) {
    line.checked = !line.checked;
    line.focus();
    tell();
    event.preventDefault();
  } else if (ACTIONS[event.key.toLowerCase()]) {
    ACTIONS[event.key.toLowerCase()]();
    event.preventDefault();
  }
});

form.addEventListener("input", tell);
tell();

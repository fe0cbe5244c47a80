// Says of each written answer at once whether it can be read, and keeps what is written as a draft. Without this the
// buttons below the fields do it.
"use strict";

(() => {
  const box = document.getElementById("answers");
  if (!box) return;
  const form = box.form;
  const fields = () => Array.from(form.elements).filter((one) => one.name.startsWith("answer:"));
  const idOf = (field) => field.name.slice("answer:".length);

  const say = (field, problem, readAs) => {
    const said = document.getElementById(`${field.id}-said`);
    said.textContent = problem || (readAs ? `Read as ${readAs}.` : "");
    said.classList.toggle("bad", Boolean(problem));
    if (problem) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  };

  const look = async (looked) => {
    const asked = new Map(looked.map((field) => [field, field.value]));
    const body = new URLSearchParams(looked.map((field) => [field.name, field.value]));
    let found = {};
    try {
      const answer = await fetch(box.dataset.check, {
        method: "POST",
        headers: { Accept: "application/json", "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content },
        body,
      });
      if (!answer.ok) return;
      found = await answer.json();
    } catch {
      // Handing in says it again.
      return;
    }
    for (const [field, value] of asked) {
      const one = found[idOf(field)];
      // Who has written on meanwhile is told of the newer text.
      if (one && field.value === value) say(field, one.problem, one.read_as);
    }
  };

  const version = form.elements.draft_version;
  const draftSaid = document.getElementById("draft-said");
  const conflict = document.getElementById("draft-conflict");
  let waiting = 0;
  let saving = false;
  let isOver = false;

  const textOf = () => JSON.stringify(fields().map((field) => field.value));
  let saved = textOf();

  const element = (name, text, className) => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };

  const button = (text, act) => {
    const made = element("button", text, "button secondary");
    made.type = "button";
    made.addEventListener("click", act);
    return made;
  };

  // What the other version has stands beside what is typed here; whoever has read it says which is to stay.
  const showConflict = (told) => {
    const alert = element("div", "", "alert alert-bad");
    const words = document.createElement("div");
    alert.append(words);
    words.append(element("p", told.problem));
    const list = element("dl", "", "facts");
    for (const [name, text] of Object.entries(told.others)) {
      const line = document.createElement("div");
      line.append(element("dt", name), element("dd", text || "nothing", "written"));
      list.append(line);
    }
    if (list.children.length) words.append(element("p", "There it says:"), list);
    const row = element("div", "", "row");
    const settle = (take) => {
      version.value = told.version;
      conflict.replaceChildren();
      if (take) {
        for (const field of fields()) if (idOf(field) in told.others) field.value = told.others[idOf(field)];
        look(fields());
      }
      saved = "";
      save();
    };
    row.append(button("Keep what is here", () => settle(false)), button("Take the other", () => settle(true)));
    words.append(row);
    conflict.replaceChildren(alert);
  };

  const save = async () => {
    clearTimeout(waiting);
    if (isOver || conflict.children.length) return;
    if (saving) {
      later();
      return;
    }
    const text = textOf();
    if (text === saved) return;
    saving = true;
    try {
      const answer = await fetch(box.dataset.draft, {
        method: "POST",
        keepalive: text.length < 50000,
        headers: { Accept: "application/json", "X-CSRF-Token": document.querySelector("meta[name=csrf-token]").content },
        body: new URLSearchParams([["draft_version", version.value], ...fields().map((one) => [one.name, one.value])]),
      });
      const told = await answer.json();
      if (answer.ok) {
        saved = text;
        version.value = told.version;
        draftSaid.textContent = told.said || "The draft is empty.";
      } else if (told.others) {
        draftSaid.textContent = "";
        showConflict(told);
      } else {
        draftSaid.textContent = `The draft was not saved. ${told.detail || ""}`;
      }
    } catch {
      draftSaid.textContent = "The draft could not be saved just now; it is tried again when you write on.";
    } finally {
      saving = false;
    }
  };

  const later = () => {
    clearTimeout(waiting);
    waiting = setTimeout(save, 1200);
  };

  box.addEventListener("input", later);
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") save();
  });
  box.addEventListener("change", (event) => {
    if (event.target.name.startsWith("answer:")) look([event.target]);
  });
  form.addEventListener("submit", (event) => {
    if (event.submitter && event.submitter.id === "save-draft") {
      event.preventDefault();
      saved = "";
      save();
    } else if (!event.submitter || event.submitter.id === "send") {
      // What is on its way needs no draft; a refusal makes it one again.
      isOver = true;
      clearTimeout(waiting);
    }
  });
  form.addEventListener("submit", (event) => {
    if (!event.submitter || event.submitter.id !== "look") return;
    event.preventDefault();
    look(fields()).then(() => {
      const first = fields().find((field) => field.getAttribute("aria-invalid"));
      if (first) first.focus();
    });
  });
  form.addEventListener("rested", () => {
    isOver = false;
    later();
  });
  form.addEventListener("refused", (event) => {
    const problems = new Map((event.detail || []).map((one) => [one.place, one.problem]));
    const wrong = fields().filter((field) => problems.has(idOf(field)));
    for (const field of fields()) say(field, problems.get(idOf(field)) || "", "");
    if (wrong.length) wrong[0].focus();
  });
})();

// Says of each written answer at once whether it can be read. Without this the button below the fields does it.
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

  box.addEventListener("change", (event) => look([event.target]));
  form.addEventListener("submit", (event) => {
    if (!event.submitter || event.submitter.id !== "look") return;
    event.preventDefault();
    look(fields()).then(() => {
      const first = fields().find((field) => field.getAttribute("aria-invalid"));
      if (first) first.focus();
    });
  });
  form.addEventListener("refused", (event) => {
    const problems = new Map((event.detail || []).map((one) => [one.place, one.problem]));
    const wrong = fields().filter((field) => problems.has(idOf(field)));
    for (const field of fields()) say(field, problems.get(idOf(field)) || "", "");
    if (wrong.length) wrong[0].focus();
  });
})();

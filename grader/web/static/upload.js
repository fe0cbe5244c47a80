// Drag and drop, and a bar while the file is on its way. Without this the form is sent as forms are.
"use strict";

(() => {
  const form = document.getElementById("upload");
  if (!form) return;
  const drop = document.getElementById("drop");
  const file = document.getElementById("file");
  const send = document.getElementById("send");
  const sending = document.getElementById("sending");
  const sent = document.getElementById("sent");
  const news = document.getElementById("upload-news");
  const problem = document.getElementById("upload-problem");
  const limit = Number(form.dataset.limit);

  const size = (bytes) => (bytes < 1e6 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  const say = (text) => {
    problem.replaceChildren();
    if (!text) return;
    const box = document.createElement("div");
    box.className = "alert alert-bad";
    const words = document.createElement("p");
    words.textContent = text;
    box.append(words);
    problem.append(box);
  };

  // Another file, or other answers, are another upload: the key that makes a repetition harmless must not bind the two.
  const newKey = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    form.elements.idempotency_key.value = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  };

  const chosen = () => {
    say("");
    const one = file.files[0];
    news.textContent = one ? `${one.name}, ${size(one.size)}` : "";
    if (one && one.size > limit) say(`This file has ${size(one.size)}; at most ${limit / 2 ** 20} MiB are allowed.`);
  };

  const rest = () => {
    sending.hidden = true;
    send.disabled = false;
    form.dispatchEvent(new Event("rested"));
  };

  const answered = (request) => {
    let answer = {};
    try {
      answer = JSON.parse(request.responseText);
    } catch {
      // Not ours: a proxy's page.
    }
    if (request.status === 201 && answer.page) {
      news.textContent = "Received. Opening its page.";
      window.location.assign(answer.page);
      return;
    }
    rest();
    news.textContent = "";
    if (request.status === 401) {
      say("You are no longer signed in; sign in in another tab, then hand in again here.");
    } else {
      if (answer.code === "bad-answers") form.dispatchEvent(new CustomEvent("refused", { detail: answer.errors }));
      say(answer.detail || "The upload was not taken; try again in a moment.");
    }
  };

  const upload = () => {
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.setRequestHeader("X-CSRF-Token", document.querySelector("meta[name=csrf-token]").content);
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      sent.value = Math.round((100 * event.loaded) / event.total);
      if (event.loaded === event.total) news.textContent = "Sent; being checked and stored.";
    });
    request.addEventListener("load", () => answered(request));
    request.addEventListener("error", () => {
      rest();
      news.textContent = "";
      say("The connection broke. Hand in again: if the file did arrive, it is not counted twice.");
    });
    sent.value = 0;
    sending.hidden = false;
    send.disabled = true;
    news.textContent = "Sending.";
    request.send(new FormData(form));
  };

  form.classList.add("can-drop");
  file.addEventListener("change", chosen);
  form.addEventListener("change", newKey);
  form.addEventListener("submit", (event) => {
    // Answers are looked at and kept by answers.js, or without it by the server.
    if (event.submitter && event.submitter.id !== "send") return;
    event.preventDefault();
    say("");
    const one = file.files[0];
    if (one && one.size > limit) {
      chosen();
    } else {
      upload();
    }
  });
  for (const kind of ["dragenter", "dragover"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.add("is-over");
    });
  }
  for (const kind of ["dragleave", "drop"]) {
    drop.addEventListener(kind, () => drop.classList.remove("is-over"));
  }
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length !== 1) {
      say("Drop one file; put several into one zip file first.");
      return;
    }
    file.files = event.dataTransfer.files;
    newKey();
    chosen();
    send.focus();
  });
  // A page brought back by the back button begins anew.
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      rest();
      newKey();
      news.textContent = "";
    }
  });
})();

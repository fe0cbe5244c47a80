// Keeps a submission's card as the server has it while it is graded. Without this, reloading does the same.
"use strict";

(() => {
  const live = document.getElementById("live");
  const news = document.getElementById("live-news");
  if (!live) return;
  const id = live.dataset.submission;
  const view = live.dataset.view ? `?view=${encodeURIComponent(live.dataset.view)}` : "";
  const card = () => document.getElementById("card");
  const isOver = () => card().dataset.over === "yes";
  if (isOver()) return;

  const SPACING_MS = 300;
  const POLL_MS = 5000;
  let waiting = false;
  let fetching = false;
  let poll = 0;

  const keyOf = (node) => (node.nodeType === Node.ELEMENT_NODE && node.id ? node.id : "");

  const sameKind = (one, other) =>
    one.nodeType === other.nodeType && one.nodeName === other.nodeName && keyOf(one) === keyOf(other);

  // Make `old` look like `fresh`, touching only what differs: focus, open details and scroll positions stay.
  const morph = (old, fresh) => {
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    for (const { name } of [...old.attributes]) {
      if (!fresh.hasAttribute(name) && name !== "open" && name !== "class") old.removeAttribute(name);
    }
    for (const { name, value } of fresh.attributes) {
      if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    morphChildren(old, fresh);
  };

  const morphChildren = (old, fresh) => {
    let at = old.firstChild;
    for (const next of [...fresh.childNodes]) {
      let match = at;
      while (match && !sameKind(match, next)) match = match.nextSibling;
      if (match) {
        while (at !== match) {
          const gone = at;
          at = at.nextSibling;
          gone.remove();
        }
        morph(match, next);
        at = match.nextSibling;
      } else {
        old.insertBefore(next, at);
      }
    }
    while (at) {
      const gone = at;
      at = at.nextSibling;
      gone.remove();
    }
  };

  const statuses = () =>
    new Map([...live.querySelectorAll(".check")].map((check) => [check.id, check.dataset.status]));

  const announce = (before) => {
    const { done, planned, passed, state } = card().dataset;
    for (const [check, status] of statuses()) {
      if (before.get(check) === "waiting" && status !== "waiting") {
        document.getElementById(check).classList.add("is-new");
      }
    }
    if (isOver()) {
      const score = live.querySelector(".hero-score");
      news.textContent = score ? `Graded: ${score.textContent.trim()}.` : live.querySelector(".hero-line").textContent;
    } else if (state === "grading" && Number(planned)) {
      news.textContent = `${done} of ${planned} checks done, ${passed} passed.`;
    }
  };

  const refresh = async () => {
    if (fetching) {
      waiting = true;
      return;
    }
    fetching = true;
    try {
      const response = await fetch(`/submissions/${id}/card${view}`, { headers: { Accept: "text/html" } });
      if (response.redirected) {
        // Signed out meanwhile: the page itself knows the way.
        window.location.reload();
        return;
      }
      if (response.ok) {
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html").getElementById("card");
        const before = statuses();
        morph(card(), fresh);
        announce(before);
      }
    } catch {
      // The next event, or the next look, brings it.
    } finally {
      setTimeout(() => {
        fetching = false;
        if (waiting) {
          waiting = false;
          refresh();
        }
      }, SPACING_MS);
    }
  };

  const source = new EventSource(`/api/v1/submissions/${id}/events?after=${card().dataset.version}`);
  source.addEventListener("progress", refresh);
  source.addEventListener("end", () => {
    source.close();
    clearInterval(poll);
    refresh();
  });
  source.addEventListener("error", () => {
    // The browser connects again by itself, unless the server said no.
    if (source.readyState === EventSource.CLOSED && !poll) {
      poll = setInterval(() => (isOver() ? clearInterval(poll) : refresh()), POLL_MS);
    }
  });
  // The place in the queue moves without an event of this submission.
  const look = setInterval(() => {
    if (isOver()) clearInterval(look);
    else if (card().dataset.state === "waiting" && !document.hidden) refresh();
  }, POLL_MS);
})();

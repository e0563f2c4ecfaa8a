{#
All that runs in the browser: it keeps parts of a page up to date, and shows what becomes of an SMS while it is typed.
The words come from the server, and without it every page still works.
#}
"use strict";

(() => {
  const EVERY = 10000;
  const TYPING_PAUSE = 300;

  // An element with data-direct holds what that address answers. data-annonces names the element that tells it aloud.
  const refresh = async (part) => {
    const response = await fetch(part.dataset.direct, { headers: { Accept: "text/html" } });
    if (response.status === 401) {
      return false;
    }
    const html = await response.text();
    if (!response.ok || html === part.latest) {
      return true;
    }
    part.latest = html;
    const summary = summaryOf(part);
    const focused = part.contains(document.activeElement) ? document.activeElement.id : "";
    const opened = [...part.querySelectorAll("details[open]")].map((details) => details.closest("[id]").id);
    const marked = [...part.querySelectorAll("input:checked")].map((box) => box.id);
    part.innerHTML = html;
    marked.forEach((id) => document.getElementById(id)?.setAttribute("checked", ""));
    opened.forEach((id) => document.querySelector(`#${id} details`)?.setAttribute("open", ""));
    if (focused) {
      document.getElementById(focused)?.focus();
    }
    if (part.hasAttribute("data-dans-le-titre")) {
      const count = part.querySelector("[data-attente]")?.dataset.attente;
      const { debut, fin } = document.querySelector("title").dataset;
      document.title = `${debut}${count ? `(${count}) ` : ""}${fin}`;
    }
    if (part.dataset.annonces && summaryOf(part) !== summary) {
      document.getElementById(part.dataset.annonces).textContent = summaryOf(part);
    }
    return true;
  };

  const summaryOf = (part) => part.querySelector("[data-resume]")?.dataset.resume;

  document.querySelectorAll("[data-direct]").forEach((part) => {
    const look = async () => {
      const goesOn = document.hidden || (await refresh(part).catch(() => true));
      if (goesOn) {
        setTimeout(look, EVERY);
      }
    };
    setTimeout(look, EVERY);
  });

  document.querySelectorAll("[data-compte]").forEach((field) => {
    const counted = document.getElementById(field.dataset.compteDans);
    let pause;
    let latest = 0;
    const count = async () => {
      const mine = ++latest;
      const body = new URLSearchParams(new FormData(field.form));
      const response = await fetch(field.dataset.compte, { method: "POST", body });
      const html = await response.text();
      if (response.ok && !response.redirected && mine === latest) {
        counted.innerHTML = html;
      }
    };
    field.form.addEventListener("input", () => {
      clearTimeout(pause);
      pause = setTimeout(() => count().catch(() => {}), TYPING_PAUSE);
    });
  });
})();

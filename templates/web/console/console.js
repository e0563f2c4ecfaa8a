{#
All that runs in the browser: it keeps parts of a page up to date, tells of new messages where the agent asks for it,
puts ready answers into the text, and shows what becomes of an SMS while it is typed.
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
      notify(Number(count ?? 0));
      const { debut, fin } = document.querySelector("title").dataset;
      document.title = `${debut}${count ? `(${count}) ` : ""}${fin}`;
    }
    if (part.dataset.annonces && summaryOf(part) !== summary) {
      document.getElementById(part.dataset.annonces).textContent = summaryOf(part);
    }
    return true;
  };

  // A quiet notification, where the agent has asked for it in this browser: a number, and nothing of anybody.
  const NOTIFIES = "smsbot-notifications";
  const canNotify = () => "Notification" in window && Notification.permission !== "denied";
  const isAskedFor = () => {
    try {
      return canNotify() && Notification.permission === "granted" && localStorage.getItem(NOTIFIES) === "oui";
    } catch {
      return false; // the browser keeps nothing for this page
    }
  };
  let known = Number(document.querySelector("[data-dans-le-titre] [data-attente]")?.dataset.attente ?? 0);
  const notify = (count) => {
    const isNews = count > known;
    known = count;
    if (isNews && !document.hasFocus() && isAskedFor()) {
      const { service, un, plusieurs } = document.documentElement.dataset;
      const body = count === 1 ? un : plusieurs.replace("%", count);
      new Notification(service, { body, tag: NOTIFIES, silent: true });
    }
  };

  document.querySelectorAll("[data-notifier]").forEach((button) => {
    if (!canNotify()) {
      return;
    }
    const show = () => {
      button.textContent = isAskedFor() ? button.dataset.arreter : button.dataset.notifier;
      button.hidden = !canNotify();
    };
    show();
    button.addEventListener("click", async () => {
      if (isAskedFor()) {
        localStorage.removeItem(NOTIFIES);
      } else if ((await Notification.requestPermission()) === "granted") {
        localStorage.setItem(NOTIFIES, "oui");
      }
      show();
    });
  });

  const summaryOf = (part) => part.querySelector("[data-resume]")?.dataset.resume;

  document.querySelectorAll("[data-direct]").forEach((part) => {
    const look = async () => {
      const rests = document.hidden && !(part.hasAttribute("data-dans-le-titre") && isAskedFor());
      const goesOn = rests || (await refresh(part).catch(() => true));
      if (goesOn) {
        setTimeout(look, EVERY);
      }
    };
    setTimeout(look, EVERY);
  });

  // A ready answer goes into the text as soon as it is chosen; another one replaces it, if nobody has typed since.
  document.querySelectorAll("[data-modele]").forEach((choice) => {
    const field = document.getElementById(choice.dataset.modele);
    let before;
    let after;
    choice.addEventListener("change", () => {
      if (field.value !== after) {
        before = field.value;
      }
      const text = choice.selectedOptions[0].dataset.texte ?? "";
      field.value = [before.trimEnd(), text].filter((part) => part).join("\n");
      after = field.value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  });

  // Marks all messages of the page.
  document.querySelectorAll("[data-cocher]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      button.form.querySelectorAll("input[type=checkbox]").forEach((box) => {
        box.checked = true;
      });
    });
  });

  // Who begins to write an answer holds the conversation, so that colleagues see it.
  document.querySelectorAll("[data-prise]").forEach((field) => {
    const hold = () => {
      const body = new URLSearchParams({ jeton: field.form.elements.jeton.value });
      fetch(field.dataset.prise, { method: "POST", body, redirect: "manual" }).catch(() => {});
    };
    field.addEventListener("input", hold, { once: true });
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

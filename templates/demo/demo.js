// The demo's page: reads its panels again and again, posts what the person does, and guides through the tours.
// It uses no other script.
"use strict";

const EVERY = 700; // milliseconds
const SOON = 150; // milliseconds
const LONGEST_OPENING = 8000; // milliseconds
const UNTIL_SETTLED = 1200; // milliseconds after the last change: then the console is loaded again
const one = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];
const frame = one('iframe[name="console"]');

let version = "";
let mail = ""; // the number of the open e-mail, or "" for the newest
let link = ""; // the path of the page behind the link that we showed last
let lastLine = "";
let reloading; // the timer after which the console is loaded again
let isOpening = false; // the console is loading another page
let asking = Promise.resolve();
let steps = []; // of the present tour, and which of them is shown
let position = 0;

// Panels

// Children have keys. Those that stay are not touched, so that a screen reader reads only the new ones.
function show(target, html) {
  const made = document.createElement("template");
  made.innerHTML = html;
  const wanted = [...made.content.children];
  if (!wanted.some((child) => child.dataset.cle)) {
    target.replaceChildren(made.content);
    return;
  }
  const known = new Map([...target.children].map((child) => [child.dataset.cle, child]));
  const kept = wanted.map((child) => {
    const old = known.get(child.dataset.cle);
    return old && old.outerHTML === child.outerHTML ? old : child;
  });
  kept.forEach((child, index) => {
    if (target.children[index] !== child) target.insertBefore(child, target.children[index] ?? null);
  });
  while (target.children.length > kept.length) target.lastElementChild.remove();
}

function showPanels(panels) {
  for (const target of all("[data-panneau]")) {
    const name = target.dataset.panneau;
    if (target.shown === panels[name]) continue;
    target.shown = panels[name];
    const focused = target.contains(document.activeElement) ? document.activeElement.dataset.courrier : undefined;
    show(target, panels[name]);
    if (focused !== undefined) target.querySelector(`[data-courrier="${focused}"]`)?.focus();
    if (name === "fil") {
      target.parentElement.scrollTop = target.parentElement.scrollHeight;
      if (steps.length) lookAt(steps[position].dataset.montre);
    }
  }
  showChoice(panels.choix);
  for (const [id, name] of [["#operateur", "gateway"], ["#agenda", "source"], ["#relie", "connected"]]) {
    const field = one(id);
    if (field && field.shown !== panels[name]) {
      field.shown = panels[name];
      field.value = panels[name];
    }
  }
  one("[data-heure]").textContent = one('[data-panneau="etat"] time').textContent.split(" à ")[1];
  showLink();
  followTrail();
}

function showChoice(options) {
  const who = one("#qui");
  if (who.shown === options) return;
  const chosen = who.value;
  who.shown = options;
  who.innerHTML = options;
  if (chosen && [...who.options].some((option) => option.value === chosen)) who.value = chosen;
}

function showLink() {
  const first = one('[data-panneau="lien"] a');
  const path = first ? first.getAttribute("href") : "about:blank";
  if (path !== link) {
    link = path;
    one('iframe[name="lien"]').src = path;
  }
}

// Something has changed in the service: load the console again, unless somebody is working in it.
function followTrail() {
  const newest = one('[data-panneau="dessous"] > li').dataset.cle;
  if (newest === lastLine) return;
  const isFirst = lastLine === "";
  lastLine = newest;
  if (isFirst) return;
  clearTimeout(reloading);
  reloading = setTimeout(() => {
    const inside = frame.contentWindow;
    if (isOpening) return;
    const isBusy = inside.document.activeElement && inside.document.activeElement.matches("input, textarea, select");
    if (/^\/agents\/(rdv|messages)(\/\d+)?$/.test(inside.location.pathname) && !isBusy) inside.location.reload();
  }, UNTIL_SETTLED);
}

async function ask() {
  const query = new URLSearchParams({ telephone: one("#qui").value, courrier: mail, depuis: version });
  const answer = await fetch(`/demo/panneaux?${query}`);
  if (answer.status === 503) setTimeout(refresh, SOON); // the stage is being set
  if (answer.status !== 200) return;
  const panels = await answer.json();
  version = panels.version;
  showPanels(panels);
}

// One request at a time, so that an older answer cannot come after a newer one.
function refresh() {
  asking = asking.then(ask).catch(() => undefined);
  return asking;
}

async function post(path, document) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(document),
  });
  await refresh();
  return answer;
}

// What the person does

const send = (text) => post("/sandbox/sms", { from: one("#qui").value, text });
const forward = async (seconds) => {
  await post("/sandbox/clock", { forward_seconds: seconds });
  await openConsole(consolePath()); // a session ends after an hour: the agent is signed in again
};
// Open a page in the console, and wait until it is loaded, but not for ever.
async function leadConsole(go) {
  clearTimeout(reloading);
  isOpening = true;
  const there = new Promise((resolve) => frame.addEventListener("load", resolve, { once: true }));
  go();
  await Promise.race([there, new Promise((resolve) => setTimeout(resolve, LONGEST_OPENING))]);
  isOpening = false;
}

const openConsole = (path) =>
  leadConsole(() => {
    frame.src = `/demo/agents?vers=${encodeURIComponent(path)}`;
  });
const consolePath = () => {
  const place = frame.contentWindow.location;
  return place.pathname.startsWith("/agents") ? place.pathname + place.search : "/agents/rdv";
};
const chooseTelephone = (number) => {
  one("#qui").value = number;
  return refresh();
};

async function setAnew(connected) {
  document.body.classList.add("attente");
  await post("/demo/recommencer", { connected });
  version = link = lastLine = mail = "";
  await refresh();
  await openConsole("/agents/rdv");
  document.body.classList.remove("attente");
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  const { envoie, avance, courrier, visite } = button.dataset;
  if (envoie) send(envoie);
  if (avance) forward(Number(avance));
  if (courrier) {
    mail = courrier;
    refresh();
  }
  if (visite) begin(visite);
});

document.addEventListener("change", (event) => {
  const field = event.target;
  if (field.id === "qui") refresh();
  if (field.dataset.panne) post("/sandbox/troubles", { [field.dataset.panne]: field.value });
});

one("#ecrire").addEventListener("submit", (event) => {
  event.preventDefault();
  const field = one("#texte");
  if (field.value.trim()) send(field.value);
  field.value = "";
});

one("#recommencer")?.addEventListener("click", () => {
  stop();
  setAnew(one("#relie").value !== "");
});

// Tours

const guide = one("#guide");

async function begin(name) {
  const tour = one(`#visite-${name}`);
  stop();
  await setAnew(tour.dataset.relie !== "");
  await chooseTelephone(tour.dataset.telephone);
  steps = [...tour.content.querySelectorAll("li")];
  guide.hidden = false;
  document.body.classList.add("guidee");
  await stepTo(0);
  one("#suivant").focus();
}

async function stepTo(number) {
  position = number;
  const step = steps[number];
  all(".montre").forEach((each) => each.classList.remove("montre"));
  one(`#${step.dataset.montre}`).classList.add("montre");
  lookAt(step.dataset.montre);
  one("[data-pas]").textContent = `${number + 1}/${steps.length}`;
  one("[data-phrase]").textContent = step.textContent;
  one("#suivant").textContent = number + 1 < steps.length ? step.dataset.suite : "Terminer";
}

// For the telephone, scroll to the newest SMS: all of them may be longer than the screen.
function lookAt(name) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const newest = name === "telephone" ? one(".fil > li:last-child") : null;
  (newest ?? one(`#${name}`)).scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

function stop() {
  guide.hidden = true;
  steps = [];
  document.body.classList.remove("guidee");
  all(".montre").forEach((each) => each.classList.remove("montre"));
}

async function act({ sms, source, forward: seconds, console: path, fill, press, mail: opened }) {
  if (source) await post("/sandbox/troubles", { source });
  if (seconds) await forward(seconds);
  if (sms) await send(sms);
  if (path) await openConsole(path);
  if (fill) await fillIn(fill, press);
  if (opened) {
    mail = "";
    await refresh();
  }
}

// Fill in the form in the console and press its button, as an agent would.
async function fillIn(fields, value) {
  const inside = frame.contentDocument;
  const button = inside.querySelector(`button[name="bouton"][value="${value}"]`);
  if (!button) return;
  for (const [name, wanted] of Object.entries(fields)) {
    const choice = inside.querySelector(`[name="${name}"][type="radio"][value="${wanted}"]`);
    if (choice) choice.checked = true;
    else inside.querySelector(`[name="${name}"]`).value = wanted;
  }
  await leadConsole(() => button.click());
}

one("#suivant").addEventListener("click", async () => {
  const button = one("#suivant");
  if (button.getAttribute("aria-disabled") === "true") return;
  button.setAttribute("aria-disabled", "true");
  await act(JSON.parse(steps[position].dataset.fait));
  button.removeAttribute("aria-disabled");
  if (position + 1 < steps.length) await stepTo(position + 1);
  else end();
});

function end() {
  const name = all("template").find((tour) => tour.content.contains(steps[0]))?.id.replace("visite-", "");
  stop();
  one(`[data-visite="${name}"]`)?.focus();
}

one("#quitter").addEventListener("click", end);
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !guide.hidden) end();
});

refresh();
openConsole("/agents/rdv");
setInterval(() => {
  if (!document.hidden) refresh();
}, EVERY);

// The page: what stands where, and which part of it an address shows. Read this first.
//
//   #/            the form of a new job (composer.js)
//   #/jobs/ID     a job (job_view.js), with its sketch and result in 3D (stage.js, viewer.js)
//
// jobs.js holds what is known of the jobs and hears the server's events; list.js shows them all.

import { ApiError, call, whenUnpaired } from "./api.js";
import { Composer } from "./composer.js";
import { announce, button, el, problem } from "./dom.js";
import { JobView } from "./job_view.js";
import { Jobs } from "./jobs.js";
import { List } from "./list.js";
import { PairingScreen, showCode, useTokenInAddress } from "./pairing.js";
import { listenForKeys, showKeys } from "./shortcuts.js";
import { FINISHED, STATES } from "./words.js";

const PATIENCE_MS = 1500; // before a connection that is lost is worth a word

const frame = document.getElementById("frame");
const main = document.getElementById("main");
const connection = document.getElementById("connection");
const jobs = new Jobs();
const composer = new Composer((job) => {
  jobs.add(job);
  announce("Sent");
  location.hash = `#/jobs/${job.id}`;
});
const list = new List(document.getElementById("list"), jobs, attempt);
let view = null; // the JobView that is open

function drawTop() {
  document.getElementById("top").replaceChildren(
    el(
      "a",
      { class: "brand", href: "#/" },
      el("img", { src: "/page/icon.svg", alt: "", width: 32, height: 32 }),
      "Realify",
    ),
    el("a", { class: "button new", href: "#/" }, "New"),
    el("span", { class: "gap" }),
    button("", "device", showCode, "quiet bare", {
      "aria-label": "Pair another device",
      title: "Pair another device",
    }),
    button("", "help", showKeys, "quiet bare", { "aria-label": "Keys", title: "Keys" }),
  );
}

/** Shows what the address says. */
async function route(isFirst = false) {
  const id = /^#\/jobs\/([0-9a-z]{26})$/.exec(location.hash)?.[1] ?? null;
  frame.dataset.view = id ? "job" : "new";
  list.open(id);
  view = null;
  if (id) await openJob(id);
  else {
    main.replaceChildren(composer.element);
    await composer.shown();
    if (!isFirst) composer.focus();
  }
  scrollTo(0, 0); // a phone's page scrolls,
  main.scrollTop = 0; // elsewhere the content does
  drawTitle();
}

async function openJob(id) {
  let job;
  try {
    job = await jobs.need(id);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    main.replaceChildren(
      el("article", { class: "job" }, problem(error), el("a", { class: "button", href: "#/" }, "To the start")),
    );
    return;
  }
  if (location.hash !== `#/jobs/${id}`) return; // meanwhile another one was opened
  const again = (from) => {
    location.hash = "#/";
    composer.again(from);
  };
  view = new JobView(jobs, again, () => (location.hash = "#/"));
  main.replaceChildren(el("a", { class: "back", href: "#/" }, "All jobs"), view.element);
  view.update(job);
  view.focus();
}

function drawTitle() {
  const job = view?.job;
  if (!job) document.title = "Realify";
  else if (job.state === "running") document.title = `${Math.round(100 * job.fraction)} % · ${job.prompt}`;
  else document.title = `${STATES[job.state]} · ${job.prompt}`;
}

/** Does it, and tells in a corner what went wrong. */
async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell(`${error.message} ${error.fix}`);
    setTimeout(() => tell(""), 8000);
  }
}

function tell(words) {
  connection.textContent = words;
  connection.hidden = words === "";
}

let lost = null;
jobs.addEventListener("connection", ({ detail: open }) => {
  clearTimeout(lost);
  if (open) tell("");
  else lost = setTimeout(() => tell("The connection is lost. Trying again…"), PATIENCE_MS);
});

jobs.addEventListener("change", ({ detail: id }) => {
  frame.dataset.empty = jobs.loaded && jobs.byId.size === 0;
  if (!view || (id !== null && id !== view.job.id)) return;
  const job = jobs.byId.get(view.job.id);
  if (job) view.update(job);
  else location.hash = "#/"; // it was deleted, perhaps elsewhere
  drawTitle();
});

jobs.addEventListener("state", ({ detail: job }) => {
  if (FINISHED.includes(job.state) || job.id === view?.job.id) announce(`${job.prompt}: ${STATES[job.state]}`);
});

whenUnpaired(() => {
  if (frame.dataset.view === "pairing") return;
  frame.dataset.view = "pairing";
  jobs.stop();
  tell("");
  const screen = new PairingScreen(start);
  main.replaceChildren(screen.element);
  screen.focus();
});

/** Everything that needs the server to know this browser. */
async function start() {
  const isFirst = frame.dataset.view === undefined;
  let options;
  try {
    options = await call("GET", "/v1/options");
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return;
    tell(`${error.message} ${error.fix}`);
    setTimeout(start, 3000);
    return;
  }
  tell("");
  composer.offer(options);
  jobs.start();
  await route(isFirst);
}

function takeDrops() {
  const files = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragover", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    frame.dataset.drag = "true";
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && delete frame.dataset.drag);
  addEventListener("drop", (event) => {
    if (!files(event)) return;
    event.preventDefault();
    delete frame.dataset.drag;
    takeFiles(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => event.clipboardData?.files.length > 0 && takeFiles(event.clipboardData.files));
}

function takeFiles(files) {
  if (frame.dataset.view === "pairing") return;
  location.hash = "#/";
  composer.take(files);
}

drawTop();
takeDrops();
listenForKeys({
  create: () => (location.hash = "#/"),
  step: (direction) => {
    const id = list.neighbour(direction);
    if (id) location.hash = `#/jobs/${id}`;
  },
  download: () => view?.download(),
});
addEventListener("hashchange", async () => {
  await useTokenInAddress();
  if (frame.dataset.view !== "pairing") await route();
});
await useTokenInAddress();
await start();

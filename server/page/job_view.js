// One job: what it shows, how far it is, what can be done with it.

import { ApiError, address } from "./api.js";
import { announce, button, dialog, el, icon, problem } from "./dom.js";
import { Stage } from "./stage.js";
import { FINISHED, PRESETS, STAGES, STATES, about, ago, doing, standing, took } from "./words.js";

const RETRYABLE = ["failed", "dead", "cancelled"];
const FILES = {
  "result.glb": "Result (GLB)",
  "sheet.png": "Contact sheet",
  "turntable.webp": "Turntable",
  "preview.png": "Last preview",
  sketch: "Sketch as it came",
  "settings.json": "Settings",
  "log.txt": "Log",
};

export class JobView {
  #title = el("h1", { tabIndex: -1 });
  #about = el("p", { class: "about" });
  #stage = new Stage();
  #progress = new Progress();
  #trouble = el("div", { class: "trouble" });
  #actions = el("div", { class: "actions" });
  #details = el("div", {});
  #drawn = {};
  element = el(
    "article",
    { class: "job" },
    el("header", {}, this.#title, this.#about),
    this.#stage.element,
    this.#progress.element,
    this.#trouble,
    this.#actions,
    el("details", { class: "details" }, el("summary", {}, "Files and settings"), this.#details),
  );

  /** `again(job)` fills the form with it; `leave()` goes away from it. */
  constructor(jobs, again, leave) {
    Object.assign(this, { jobs, again, leave });
  }

  focus() {
    this.#title.focus({ preventScroll: true });
  }

  update(job) {
    this.job = job;
    this.element.dataset.state = job.state;
    this.#title.textContent = job.prompt;
    this.#about.textContent = [stood(job), job.name, job.preset].filter(Boolean).join(" · ");
    this.#stage.update(job);
    this.#progress.update(job);
    this.#redraw("trouble", [job.error, job.warnings, job.state], this.#trouble, () => trouble(job));
    this.#redraw("actions", [job.state, job.place === 0, job.artefacts], this.#actions, () => this.#buttons(job));
    this.#redraw("details", [job.state, job.attempt, job.artefacts], this.#details, () => details(job));
  }

  /** What the key D does. */
  download() {
    this.#actions.querySelector("a[download]")?.click();
  }

  /** Draws a part anew if what it depends on is another; the focus stays where it was. */
  #redraw(name, inputs, parent, draw) {
    const key = JSON.stringify(inputs);
    if (this.#drawn[name] === key) return;
    this.#drawn[name] = key;
    const focused = parent.contains(document.activeElement);
    parent.replaceChildren(...draw());
    if (focused) (parent.querySelector("a, button") ?? this.#title).focus();
  }

  #buttons(job) {
    const made = [];
    const act = (verb, words) => () => this.#do(() => this.jobs.act(job.id, verb), words);
    if (job.artefacts.includes("result.glb")) {
      const link = { class: "button primary", href: address(job, "result.glb"), download: "" };
      made.push(el("a", link, icon("down"), "Download GLB"));
    }
    if (RETRYABLE.includes(job.state))
      made.push(button("Try again", "repeat", act("retry", "Queued again"), "primary"));
    if (job.state === "queued" && job.place !== 0)
      made.push(button("Run next", "first", () => this.#do(() => this.jobs.runNext(job.id))));
    if (FINISHED.includes(job.state)) made.push(button("Make another", "plus", () => this.again(job)));
    if (job.state === "queued" || job.state === "running")
      made.push(button("Cancel", "close", act("cancel", "Cancelled")));
    if (job.state === "cancelling") made.push(button("Stopping…", null, () => {}, "plain", { disabled: true }));
    if (FINISHED.includes(job.state)) made.push(button("Delete", "trash", () => this.#delete(job), "quiet"));
    return made;
  }

  #delete(job) {
    const box = dialog(
      "Delete this job?",
      el("p", {}, `“${job.prompt}” goes with its files. It cannot be brought back.`),
      el(
        "div",
        { class: "actions" },
        button(
          "Delete",
          "trash",
          async () => {
            box.close();
            if (await this.#do(() => this.jobs.remove(job.id), "Deleted")) this.leave();
          },
          "danger",
        ),
        button("Keep it", null, () => box.close()),
      ),
    );
  }

  /** Whether it went well; what went wrong is told below the buttons. */
  async #do(work, words = "") {
    this.#actions.querySelector(".problem")?.remove();
    try {
      await work();
      announce(words);
      return true;
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#actions.append(problem(error));
      return false;
    }
  }
}

/** How far a job is: the stages as one line, and the time left. */
class Progress {
  #steps = Object.entries(STAGES).map(([name, { title }]) =>
    el("li", { "data-stage": name }, el("span", { class: "track" }, el("span")), el("span", {}, title)),
  );
  #doing = el("strong");
  #count = el("span", { class: "count" });
  #left = el("span", { class: "left" });
  #whole = el("progress", { class: "unseen", max: 100, "aria-label": "Progress" });
  element = el(
    "section",
    { class: "progress", "aria-label": "Progress" },
    el("p", {}, this.#doing, this.#count, this.#left),
    this.#whole,
    el("ol", { "aria-hidden": "true" }, this.#steps),
  );

  update(job) {
    this.element.hidden = !["running", "cancelling", "queued"].includes(job.state);
    const names = Object.keys(STAGES);
    const at = names.indexOf(job.stage);
    this.#steps.forEach((step, i) => {
      const within = job.total > 0 ? job.step / job.total : 0;
      const filled = i < at ? 1 : i === at ? within : 0;
      step.dataset.now = i === at && job.state === "running";
      step.querySelector(".track span").style.width = `${(100 * filled).toFixed(1)}%`;
    });
    const running = job.state === "running";
    this.#doing.textContent = running ? doing(job) : standing(job);
    this.#count.textContent = running && job.total > 1 ? `${job.step} of ${job.total}` : "";
    const left = running && job.seconds_left !== null && job.seconds_left !== undefined;
    this.#left.textContent = left ? `${about(job.seconds_left)} left` : "";
    this.#whole.value = Math.round(100 * job.fraction);
  }
}

/** How it ended; the rest of what there is to say stands below the stage. */
function stood(job) {
  if (!FINISHED.includes(job.state)) return "";
  const words = job.finished ? `${STATES[job.state]} ${ago(job.finished)}` : STATES[job.state];
  return job.state === "done" && job.started ? `${words}, took ${took(job.finished - job.started)}` : words;
}

function trouble(job) {
  const shown = [];
  if (job.error && FINISHED.includes(job.state)) shown.push(problem(job.error));
  if (job.error && job.state === "queued") shown.push(el("p", { class: "note" }, `Starts over: ${job.error.message}`));
  if (job.warnings.length > 0) {
    const lines = job.warnings.map((words) => el("li", {}, words));
    shown.push(el("div", { class: "warnings" }, el("h2", {}, "Good to know"), el("ul", {}, lines)));
  }
  return shown;
}

function details(job) {
  const files = Object.entries(FILES).filter(([name]) => job.artefacts.includes(name));
  const links = files.map(([name, words]) =>
    el("li", {}, el("a", { href: address(job, name), target: "_blank", rel: "noopener" }, words)),
  );
  const facts = {
    Preset: PRESETS[job.preset] ? `${job.preset}: ${PRESETS[job.preset].toLowerCase()}` : job.preset,
    Seed: job.seed,
    ...job.settings,
    Created: ago(job.created),
    Starts: job.attempt > 1 ? job.attempt : undefined,
    Batch: job.batch ?? undefined,
    Number: job.id,
  };
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined);
  return [
    el("ul", { class: "files" }, links),
    el(
      "dl",
      {},
      rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, String(value ?? "none"))]),
    ),
  ];
}

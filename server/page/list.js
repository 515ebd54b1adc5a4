// The jobs at a glance: those at work and waiting, then those that are over.

import { button, el, icon } from "./dom.js";
import { FINISHED, standing } from "./words.js";

const PROBLEMS = ["failed", "dead"];

export class List {
  #rows = new Map();
  #active = el("ol", { class: "rows" });
  #finished = el("ol", { class: "rows" });
  #more = el("p", { class: "more", hidden: true });
  #older = button("Older ones", null, () => this.#onOlder(), "quiet", { hidden: true });
  #pause = button("", null, () => this.#onPause(), "quiet small");
  #still = el("p", { class: "still", role: "status", hidden: true });
  #empty = el("p", { class: "none" }, "Your jobs will be listed here.");
  #now = group("In the queue", this.#pause, this.#still, this.#active, this.#more);
  #past = group("Finished", null, this.#finished, this.#older);

  constructor(element, jobs, onError) {
    this.jobs = jobs;
    this.onError = onError;
    element.replaceChildren(this.#empty, this.#now, this.#past);
    jobs.addEventListener("change", ({ detail }) => this.#changed(detail));
    setInterval(() => this.#rows.forEach((row, id) => row.update(jobs.byId.get(id))), 30000); // "2 minutes ago"
  }

  /** Marks the job that is open; null: none. */
  open(id) {
    this.opened = id;
    for (const [each, row] of this.#rows) row.mark(each === id);
  }

  /** The job after (1) or before (-1) the one that is open, in the order of the list. */
  neighbour(step) {
    const ids = [...this.jobs.active(), ...this.jobs.finished()].map((job) => job.id);
    const at = ids.indexOf(this.opened);
    return at < 0 ? ids[step > 0 ? 0 : ids.length - 1] : ids[at + step];
  }

  #changed(id) {
    const job = this.jobs.byId.get(id);
    const row = this.#rows.get(id);
    if (job && row && row.over === FINISHED.includes(job.state)) row.update(job);
    else this.#draw();
  }

  #draw() {
    const active = this.jobs.active();
    const finished = this.jobs.finished();
    this.#arrange(this.#active, active);
    this.#arrange(this.#finished, finished);
    const ids = new Set([...active, ...finished].map((job) => job.id));
    for (const id of this.#rows.keys()) if (!ids.has(id)) this.#rows.delete(id);
    this.#empty.hidden = !this.jobs.loaded || ids.size > 0;
    this.#now.hidden = active.length === 0 && !this.jobs.paused;
    this.#past.hidden = finished.length === 0;
    this.#older.hidden = !this.jobs.olderCursor;
    const hidden = (this.jobs.counts.queued ?? 0) - active.filter((job) => job.state === "queued").length;
    this.#more.hidden = hidden <= 0;
    this.#more.textContent = `and ${hidden} more`;
    const still = this.jobs.paused ? "Paused: nothing new is started." : this.jobs.hindrance;
    this.#still.hidden = !still;
    this.#still.textContent = still ?? "";
    this.#pause.replaceChildren(icon(this.jobs.paused ? "play" : "pause"), this.jobs.paused ? "Go on" : "Pause");
    this.#pause.setAttribute("aria-label", this.jobs.paused ? "Let the queue go on" : "Pause the queue");
  }

  #arrange(list, jobs) {
    const items = jobs.map((job) => {
      let row = this.#rows.get(job.id);
      if (!row) {
        row = new Row();
        this.#rows.set(job.id, row);
      }
      row.update(job);
      row.mark(job.id === this.opened);
      return row.element;
    });
    const same = items.length === list.children.length && items.every((item, i) => item === list.children[i]);
    if (!same) list.replaceChildren(...items); // not otherwise: the focus would be lost
  }

  async #onPause() {
    await this.onError(() => this.jobs.setPaused(!this.jobs.paused));
  }

  async #onOlder() {
    await this.onError(() => this.jobs.older());
  }
}

class Row {
  #thumb = el("img", { alt: "", loading: "lazy", hidden: true });
  #blank = el("span", { class: "blank" }, icon("cube"));
  #title = el("span", { class: "title" });
  #standing = el("span", { class: "standing" });
  #bar = el("span", { class: "bar", "aria-hidden": "true" }, el("span"));
  #link = el(
    "a",
    { class: "row" },
    el("span", { class: "thumb" }, this.#thumb, this.#blank),
    el("span", { class: "words" }, this.#title, this.#standing, this.#bar),
  );
  element = el("li", {}, this.#link);

  update(job) {
    if (!job) return;
    this.over = FINISHED.includes(job.state);
    this.#link.href = `#/jobs/${job.id}`;
    this.#link.dataset.state = job.state;
    this.#title.textContent = job.prompt;
    this.#standing.textContent = standing(job);
    this.#standing.classList.toggle("bad", PROBLEMS.includes(job.state));
    this.#bar.hidden = job.state !== "running" && job.state !== "cancelling";
    this.#bar.firstChild.style.width = `${(100 * job.fraction).toFixed(1)}%`;
    if (job.preview && this.#thumb.getAttribute("src") !== job.preview) this.#thumb.src = job.preview;
    this.#thumb.hidden = !job.preview;
    this.#blank.hidden = Boolean(job.preview);
  }

  mark(open) {
    if (open) this.#link.setAttribute("aria-current", "page");
    else this.#link.removeAttribute("aria-current");
  }
}

function group(title, control, ...children) {
  return el("section", { class: "group", hidden: true }, el("header", {}, el("h2", {}, title), control), ...children);
}

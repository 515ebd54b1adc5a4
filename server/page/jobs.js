// All jobs as they stand: a list from the server, kept fresh by its event stream.

import { ApiError, call } from "./api.js";
import { FINISHED } from "./words.js";

const KINDS = ["state", "progress", "removed"];
const SETTLE_MS = 250; // events come in bursts; the list is read once after each
const RETRY_MS = 3000;

/**
 * Tells "change" (detail: the job's id, or null for many), "state" (detail: the job; its state is another one) and
 * "connection" (detail: whether the stream is open).
 */
export class Jobs extends EventTarget {
  byId = new Map();
  counts = {};
  paused = false;
  hindrance = null; // why waiting jobs are not started, in words
  olderCursor; // of the page after those that are shown; null: there is none
  loaded = false;
  #source = null;
  #lastEvent = null;
  #timer = null;
  #reading = false;
  #again = false;
  #opened = null;

  /** Opens the stream first and reads the list then, so that nothing falls in between. */
  start() {
    this.stop();
    const after = this.#lastEvent === null ? "" : `?after=${this.#lastEvent}`;
    const source = new EventSource(`/v1/events${after}`);
    source.onopen = () => {
      this.#tell("connection", true);
      this.refresh();
    };
    source.onerror = () => {
      this.#tell("connection", false);
      // The browser connects again by itself, and says what it heard last; not so after an answer that was an error.
      if (source.readyState === EventSource.CLOSED) this.#timer = setTimeout(() => this.#probe(), RETRY_MS);
    };
    for (const kind of KINDS) source.addEventListener(kind, (event) => this.#heard(event));
    this.#source = source;
  }

  stop() {
    this.#source?.close();
    this.#source = null;
    clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** Running, then waiting in their order. */
  active() {
    const jobs = [...this.byId.values()].filter((job) => !FINISHED.includes(job.state));
    const rank = (job) => (job.state === "queued" ? 1 + (job.place ?? Number.MAX_SAFE_INTEGER) : 0);
    return jobs.sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
  }

  /** The newest first. */
  finished() {
    const jobs = [...this.byId.values()].filter((job) => FINISHED.includes(job.state));
    return jobs.sort((a, b) => (b.finished ?? b.created) - (a.finished ?? a.created) || (a.id < b.id ? 1 : -1));
  }

  /** The job of that id, from the server if it is not among those that are shown. Raises ApiError. */
  async need(id) {
    this.#opened = id;
    if (!this.byId.has(id)) this.#put(await call("GET", `/v1/jobs/${id}`));
    return this.byId.get(id);
  }

  /** Does something to a job: cancel or retry. Raises ApiError. */
  async act(id, verb) {
    this.#put(await call("POST", `/v1/jobs/${id}/${verb}`));
    this.#soon();
  }

  /** Lets a waiting job be the next. Raises ApiError. */
  async runNext(id) {
    const first = this.active().find((job) => job.state === "queued" && job.place === 0);
    if (first && first.id !== id) this.#put(await call("PATCH", `/v1/jobs/${id}`, { before: first.id }));
    this.#soon();
  }

  /** Deletes a job. Raises ApiError. */
  async remove(id) {
    await call("DELETE", `/v1/jobs/${id}`);
    this.#drop(id);
  }

  /** A job that was just handed in. */
  add(job) {
    this.#put(job);
    this.#soon();
  }

  /** Pauses the queue or lets it go on. Raises ApiError. */
  async setPaused(paused) {
    const queue = await call("POST", `/v1/queue/${paused ? "pause" : "resume"}`);
    this.paused = queue.paused;
    this.#tell("change", null);
  }

  /** More of the finished ones. Raises ApiError. */
  async older() {
    const page = await call("GET", `/v1/jobs?${finishedQuery()}&after=${encodeURIComponent(this.olderCursor)}`);
    for (const job of page.jobs) this.byId.set(job.id, job);
    this.olderCursor = page.next;
    this.#tell("change", null);
  }

  /** Reads the list anew. */
  async refresh() {
    if (this.#reading) {
      this.#again = true;
      return;
    }
    this.#reading = true;
    try {
      await this.#read();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (error.status !== 401) {
        this.#tell("connection", false);
        this.#soon(RETRY_MS);
      }
    } finally {
      this.#reading = false;
    }
    if (this.#again) {
      this.#again = false;
      this.#soon();
    }
  }

  async #read() {
    const [queue, running, queued, finished] = await Promise.all([
      call("GET", "/v1/queue"),
      call("GET", "/v1/jobs?state=running&state=cancelling&limit=100"),
      call("GET", "/v1/jobs?state=queued&limit=100"),
      call("GET", `/v1/jobs?${finishedQuery()}`),
    ]);
    this.counts = queue.counts;
    this.paused = queue.paused;
    this.hindrance = running.jobs.length === 0 && queued.jobs.length > 0 ? await hindrance() : null;
    const fresh = [...running.jobs, ...queued.jobs, ...finished.jobs];
    const oldest = finished.next ? finished.jobs.at(-1).id : "";
    const ids = new Set(fresh.map((job) => job.id));
    for (const [id, job] of this.byId) {
      const further = FINISHED.includes(job.state) && id < oldest; // on a page that "older" had read
      if (!ids.has(id) && !further && id !== this.#opened) this.byId.delete(id);
    }
    if (this.olderCursor === undefined) this.olderCursor = finished.next;
    for (const job of fresh) this.#put(job, true);
    if (this.hindrance) this.#soon(RETRY_MS); // no event tells how workers are
    this.loaded = true;
    if (this.#opened && this.byId.has(this.#opened) && !ids.has(this.#opened)) await this.#readOpened();
    this.#tell("connection", this.#source?.readyState === EventSource.OPEN);
    this.#tell("change", null);
  }

  async #readOpened() {
    try {
      this.#put(await call("GET", `/v1/jobs/${this.#opened}`), true);
    } catch (error) {
      if (error.status !== 404) throw error;
      this.#drop(this.#opened);
    }
  }

  #heard(message) {
    const event = JSON.parse(message.data);
    this.#lastEvent = event.id;
    if (event.kind === "removed") {
      this.#drop(event.job);
      return;
    }
    const job = this.byId.get(event.job);
    if (event.kind === "state" || !job) this.#soon();
    if (!job) return;
    const before = job.state;
    for (const key of ["state", "stage", "step", "total", "seconds_left", "fraction", "preview", "error"]) {
      if (event[key] !== undefined) job[key] = event[key];
    }
    job.warnings = [...new Set([...job.warnings, ...(event.warnings ?? [])])];
    if (job.state !== before) this.#tell("state", job);
    this.#tell("change", job.id);
  }

  async #probe() {
    try {
      await call("GET", "/v1/queue");
    } catch (error) {
      if (error.status === 401) return; // the pairing screen is up; it starts anew
    }
    this.start();
  }

  #put(job, quiet = false) {
    const before = this.byId.get(job.id);
    this.byId.set(job.id, job);
    if (before && before.state !== job.state) this.#tell("state", job);
    if (!quiet) this.#tell("change", job.id);
  }

  #drop(id) {
    if (this.byId.delete(id)) this.#tell("change", id);
    this.#soon();
  }

  #soon(milliseconds = SETTLE_MS) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.refresh(), milliseconds);
  }

  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }
}

/** What keeps the workers from starting a job; null: nothing. */
async function hindrance() {
  const { ok, workers } = await call("GET", "/v1/workers");
  if (ok) return null;
  if (workers.some((each) => each.state === "starting")) return "The worker is warming up…";
  const problem = workers.find((each) => each.problem)?.problem;
  return problem
    ? `No worker starts. ${problem.message} ${problem.fix}`
    : "No worker starts; the server's log says why.";
}

function finishedQuery() {
  return FINISHED.map((state) => `state=${state}`).join("&") + "&limit=50";
}

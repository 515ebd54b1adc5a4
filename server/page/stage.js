// What a job has to show: its sketch in 3D, beside it the newest preview, and once it is done the result in 3D.

import { ApiError, address, file } from "./api.js";
import { el } from "./dom.js";
import { sharedViewer } from "./shared_viewer.js";
import { FINISHED } from "./words.js";

export class Stage {
  #job = null;
  #shown = ""; // "result" or "sketch", once it stands
  #sketch = null; // a promise of the model, or of null
  #space = el("div", { class: "space" });
  #picture = el("img", { class: "preview", alt: "", hidden: true });
  #hint = el("p", { class: "hint" });
  #note = el("p", { class: "note", hidden: true });
  #beside = el("div", { class: "beside" }, this.#picture, this.#hint, el("span", { class: "tag" }, "Preview"));
  #tags = el("div", { class: "tags", "aria-hidden": "true" }, el("span", { class: "tag" }, "Sketch"));
  element = el("section", { class: "stage", "aria-label": "Sketch and result" }, this.#space, this.#beside, this.#note);

  constructor() {
    this.#space.append(this.#tags);
  }

  /** Shows the job as it is now. */
  update(job) {
    const first = this.#job === null;
    this.#job = job;
    const done = job.state === "done" && job.artefacts.includes("result.glb");
    this.element.dataset.done = done;
    this.#showPreview(job);
    const wanted = done ? "result" : "sketch";
    if (first || wanted !== this.#shown) {
      this.#shown = wanted;
      this.#show(job, done);
    }
  }

  #showPreview(job) {
    this.#picture.hidden = !job.preview;
    if (job.preview && this.#picture.getAttribute("src") !== job.preview) {
      this.#picture.src = job.preview;
      this.#picture.alt = `Preview of ${job.prompt}`;
    }
    this.#hint.hidden = Boolean(job.preview);
    this.#hint.textContent = FINISHED.includes(job.state)
      ? "It did not get to a first picture."
      : "First pictures appear here.";
  }

  async #show(job, done) {
    const wanted = this.#shown;
    this.element.setAttribute("aria-busy", "true");
    try {
      const tools = await sharedViewer();
      this.#sketch ??= this.#loadSketch(job, tools);
      const [sketch, result] = await Promise.all([this.#sketch, done ? this.#loadResult(job, tools) : null]);
      // Meanwhile the job may be done, or the person somewhere else.
      if (wanted === this.#shown && this.element.isConnected) this.#place(job, tools.viewer, sketch, result);
    } finally {
      this.element.setAttribute("aria-busy", "false");
    }
  }

  #place(job, viewer, sketch, result) {
    const models = [sketch, result].filter(Boolean);
    if (!viewer) {
      this.#fallBack(job, "This browser has no WebGL, so there is no 3D here.");
      return;
    }
    this.element.dataset.empty = models.length === 0;
    if (models.length === 0) return;
    this.#tags.replaceChildren(
      ...[sketch && "Sketch", result && "Result"].filter(Boolean).map((words) => el("span", { class: "tag" }, words)),
    );
    viewer.mount(this.#space);
    const label = result ? `Sketch and result of ${job.prompt}` : `Sketch for ${job.prompt}`;
    viewer.show(models, { front: Number(job.settings["sketch.front"] ?? 0), label });
    this.element.dataset.shown = result ? "result" : "sketch";
  }

  async #loadSketch(job, tools) {
    try {
      const { data, type } = await file(job, "sketch");
      return await tools.loadSketch(data, tools.suffixOfType(type), job.settings);
    } catch (error) {
      if (!(error instanceof ApiError || error instanceof tools.NotShown)) throw error;
      this.#tell(error.message);
      return null;
    }
  }

  async #loadResult(job, tools) {
    try {
      const { data } = await file(job, "result.glb");
      return await tools.loadResult(data);
    } catch (error) {
      console.warn("the result cannot be shown:", error);
      this.#fallBack(job, "The result cannot be shown here; downloading it works.");
      return null;
    }
  }

  #fallBack(job, words) {
    this.#tell(words);
    if (!job.artefacts.includes("sheet.png")) return;
    this.#space.replaceChildren(
      el("img", { class: "sheet", src: address(job, "sheet.png"), alt: `Pictures of ${job.prompt}` }),
    );
    this.element.dataset.shown = "sheet";
  }

  #tell(words) {
    this.#note.textContent = words;
    this.#note.hidden = false;
  }
}

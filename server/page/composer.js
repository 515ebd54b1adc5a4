// The form of a new job: a sketch, a sentence, how much care.

import { ApiError, call, file, upload } from "./api.js";
import { button, el, icon, problem } from "./dom.js";
import { SettingsForm } from "./settings_form.js";
import { sha256OfFile } from "./sha256.js";
import { sharedViewer } from "./shared_viewer.js";
import { PRESETS, size } from "./words.js";

const REMEMBERED = "realify.preset";
const LARGEST_DRAWN = 150e6; // bytes; a phone has no room for more

export class Composer {
  #options = null;
  #sketch = null; // {name, sha256, file, ready}: ready is a promise of the server having it
  #sending = null; // aborts the upload
  #key = newKey();
  #input = el("input", {
    type: "file",
    class: "unseen",
    id: "sketch",
    onchange: () => this.#chosen(this.#input.files),
  });
  #space = el("div", { class: "space" });
  #invitation = el("div", { class: "invitation" });
  #facts = el("p", { class: "facts", role: "status" });
  #sent = el("progress", { class: "sent", max: 1, value: 0, hidden: true, "aria-label": "Upload" });
  #trouble = el("div", { class: "trouble" });
  #prompt = el("textarea", {
    id: "prompt",
    rows: 1,
    placeholder: "a photo of a red mushroom",
    required: true,
    oninput: () => this.#grow(),
  });
  #presets = el("fieldset", { class: "presets" });
  #settings = new SettingsForm();
  #refused = el("div", { class: "trouble" });
  #submit = el("button", { type: "submit", class: "button primary large" }, "Realify");
  #drop = el("div", { class: "drop", "data-filled": "false" }, this.#space, this.#input, this.#invitation);
  element = el(
    "form",
    { class: "composer", noValidate: true, onsubmit: (event) => this.#onSubmit(event) },
    el(
      "header",
      {},
      el("h1", { tabIndex: -1 }, "Make a sketch real"),
      el("p", {}, "Drop a rough 3D sketch, say what it is, and get a textured model back."),
    ),
    this.#drop,
    this.#sent,
    this.#facts,
    this.#trouble,
    el("div", { class: "ask" }, el("label", { for: "prompt" }, "What is it?"), this.#prompt),
    this.#presets,
    this.#settings.element,
    this.#refused,
    el(
      "div",
      { class: "go" },
      this.#submit,
      el("span", { class: "keys" }, el("kbd", {}, "Ctrl"), el("kbd", {}, "Enter")),
    ),
  );

  /** `onJob(job)`: it was taken. */
  constructor(onJob) {
    this.onJob = onJob;
    this.#prompt.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.element.requestSubmit();
    });
    this.#invite();
  }

  /** What the server offers; once, as soon as it is known. */
  offer(options) {
    this.#options = options;
    this.#input.accept = options.formats.join(",");
    this.#prompt.maxLength = options.limits.prompt_letters;
    const names = Object.keys(options.presets);
    const last = localStorage.getItem(REMEMBERED);
    const chosen = names.includes(last) ? last : names[0];
    this.#presets.replaceChildren(
      el("legend", {}, "How much care?"),
      ...names.map((name) => this.#choice(name, name === chosen)),
    );
    this.#settings.offer(options, () => this.#preset());
    this.#invite();
  }

  focus() {
    this.element.querySelector("h1").focus({ preventScroll: true });
  }

  /** It is on the page again: the 3D view comes back. */
  async shown() {
    if (this.#sketch?.model) await this.#place();
  }

  /** Takes files that were dropped or pasted anywhere on the page. */
  take(files) {
    this.#chosen(files);
  }

  /** The same again, from a job that was made: a change or two, and it is another. */
  async again(job) {
    this.#clear();
    this.#prompt.value = job.prompt;
    this.#settings.fill(job);
    const radio = this.#presets.querySelector(`input[value="${CSS.escape(job.preset)}"]`);
    if (radio) radio.checked = true;
    this.#settings.presetChanged();
    this.#sketch = { name: job.name, sha256: job.sketch, settings: job.settings, ready: Promise.resolve() };
    this.#facts.textContent = `The sketch of “${job.name}”`;
    this.#filled();
    try {
      const { data, type } = await file(job, "sketch");
      const { suffixOfType } = await sharedViewer();
      await this.#draw(data, suffixOfType(type));
    } catch (error) {
      this.#tell(error);
    }
  }

  async #chosen(files) {
    const accepted = this.#options?.formats ?? [];
    const sketch = [...files].find((each) => accepted.includes(suffix(each.name))) ?? files[0];
    if (!sketch) return;
    this.#clear();
    if (!accepted.includes(suffix(sketch.name))) {
      this.#trouble.replaceChildren(
        problem({
          message: `${sketch.name} is no kind of sketch that is known here.`,
          fix: `Choose one of ${accepted.join(", ")}.`,
        }),
      );
      return;
    }
    this.#sketch = { name: sketch.name, file: sketch };
    this.#sendAgain();
    this.#suggest(sketch.name);
    this.#facts.textContent = `${sketch.name} · ${size(sketch.size)}`;
    this.#filled();
    if (sketch.size < LARGEST_DRAWN) await this.#draw(await sketch.arrayBuffer(), suffix(sketch.name).slice(1));
    else this.#undrawn("It is too large to be drawn here; the server takes it all the same.");
  }

  /** Starts to send the sketch; what goes wrong is told where the sketch is, and a submit waits for it too. */
  #sendAgain() {
    const sketch = this.#sketch;
    this.#trouble.replaceChildren();
    sketch.failed = false;
    sketch.ready = this.#send(sketch.file);
    sketch.ready.catch((error) => {
      sketch.failed = true;
      this.#tell(error);
    });
  }

  /** Sends it while the person still writes. */
  async #send(sketch) {
    const sending = new AbortController();
    this.#sending = sending;
    const sha256 = await sha256OfFile(sketch);
    sending.signal.throwIfAborted();
    const late = setTimeout(() => (this.#sent.hidden = false), 400);
    try {
      const known = await upload(sketch, sha256, (share) => this.#onSent(share), sending.signal);
      this.#sketch.sha256 = sha256;
      const counts = `${known.vertices.toLocaleString("en")} vertices`;
      this.#facts.textContent = [sketch.name, size(known.bytes), counts, ...known.notes].join(" · ");
    } finally {
      clearTimeout(late);
      this.#sent.hidden = true;
    }
  }

  #onSent(share) {
    if (share < 1) this.#sent.value = share;
    else this.#sent.removeAttribute("value"); // the server looks at it now, and does not say for how long
  }

  async #draw(data, kind) {
    const sketch = this.#sketch;
    const { loadSketch, NotShown } = await sharedViewer();
    try {
      sketch.model = await loadSketch(data, kind, sketch.settings);
    } catch (error) {
      if (!(error instanceof NotShown)) throw error;
      this.#undrawn(error.message);
      return;
    }
    if (sketch === this.#sketch && this.element.isConnected) await this.#place();
  }

  #undrawn(why) {
    this.#invitation.querySelector(".unshown")?.append(why);
  }

  async #place() {
    const { viewer } = await sharedViewer();
    if (!viewer) return;
    viewer.mount(this.#space);
    viewer.show([this.#sketch.model], { label: `Sketch ${this.#sketch.name}`, wheel: false });
    this.#drop.dataset.shown = "true";
  }

  async #onSubmit(event) {
    event.preventDefault();
    this.#refused.replaceChildren();
    const missing = this.#missing();
    if (missing) {
      this.#refuse(missing);
      return;
    }
    this.#busy(true);
    try {
      if (this.#sketch.failed) this.#sendAgain();
      await this.#sketch.ready;
      const job = await call("POST", "/v1/jobs", this.#body(), { "Idempotency-Key": this.#key });
      localStorage.setItem(REMEMBERED, this.#preset());
      this.#clear();
      this.#prompt.value = "";
      this.#key = newKey();
      this.onJob(job);
    } catch (error) {
      if (error.name !== "AbortError") this.#onRefusal(error);
    } finally {
      this.#busy(false);
    }
  }

  #onRefusal(error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status > 0) this.#key = newKey(); // an answer came: what is sent next is another request
    if (error.code === "unknown_sketch" && this.#sketch?.file) {
      this.#sendAgain(); // it lay there for too long and was removed
      this.#refuse({
        message: "The server had forgotten the sketch; it is being sent again.",
        fix: "Press Realify once more.",
      });
      return;
    }
    if (this.#trouble.childElementCount === 0) this.#refuse(error);
  }

  #body() {
    const { seed, name, settings } = this.#settings.values();
    const body = { sketch: this.#sketch.sha256, prompt: this.#prompt.value.trim(), preset: this.#preset(), settings };
    if (seed !== null) body.seed = seed;
    if (name) body.name = name;
    return body;
  }

  #missing() {
    if (!this.#sketch)
      return { message: "There is no sketch yet.", fix: "Drop a file above, or choose one.", focus: this.#input };
    if (!this.#prompt.value.trim()) {
      return {
        message: "What is it? The sketch alone does not say.",
        fix: "A few words are enough: a photo of a red mushroom.",
        focus: this.#prompt,
      };
    }
    return this.#settings.wrong();
  }

  #refuse(error) {
    this.#refused.replaceChildren(problem(error));
    error.focus?.focus();
  }

  #tell(error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    this.#trouble.replaceChildren(problem(error));
  }

  #busy(busy) {
    this.#submit.disabled = busy;
    this.#submit.textContent = busy ? "Sending…" : "Realify";
  }

  #clear() {
    this.#sending?.abort();
    this.#sketch = null;
    this.#input.value = "";
    this.#facts.textContent = "";
    this.#sent.hidden = true;
    this.#trouble.replaceChildren();
    this.#refused.replaceChildren();
    delete this.#drop.dataset.shown;
    this.#invite();
  }

  #invite() {
    this.#drop.dataset.filled = "false";
    const formats = this.#options?.formats.map((each) => each.slice(1).toUpperCase()).join(", ") ?? "";
    this.#invitation.replaceChildren(
      icon("cube"),
      el(
        "p",
        {},
        el("label", { class: "button", for: "sketch" }, "Choose a sketch"),
        el("span", { class: "or" }, "or drop it here"),
      ),
      el("p", { class: "formats" }, formats),
    );
  }

  #filled() {
    this.#drop.dataset.filled = "true";
    this.#invitation.replaceChildren(
      el("p", { class: "unshown" }),
      el("label", { class: "button small", for: "sketch" }, "Another one"),
      button("Take it away", "close", () => this.#clear(), "small plain bare", {
        "aria-label": "Take the sketch away",
        title: "Take it away",
      }),
    );
  }

  #suggest(name) {
    const words = name
      .replace(/\.[^.]*$/, "")
      .replace(/[_\-.]+/g, " ")
      .trim()
      .toLowerCase();
    if (words) this.#prompt.placeholder = `a photo of ${/^[aeiou]/.test(words) ? "an" : "a"} ${words}`;
  }

  #choice(name, checked) {
    const radio = el("input", {
      type: "radio",
      name: "preset",
      value: name,
      checked,
      onchange: () => this.#settings.presetChanged(),
    });
    const title = name[0].toUpperCase() + name.slice(1);
    return el(
      "label",
      { class: "choice" },
      radio,
      el("span", {}, el("strong", {}, title), el("small", {}, PRESETS[name] ?? "")),
    );
  }

  #preset() {
    return this.#presets.querySelector("input:checked")?.value ?? "standard";
  }

  #grow() {
    this.#prompt.style.height = "auto";
    this.#prompt.style.height = `${this.#prompt.scrollHeight + 2}px`;
  }
}

function suffix(name) {
  return name.slice(name.lastIndexOf(".")).toLowerCase();
}

/** For Idempotency-Key: a submit that is sent twice is one job. */
function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

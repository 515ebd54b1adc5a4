// Every other setting, drawn from what the server offers. What is left empty is the preset's.

import { button, el } from "./dom.js";

const GROUPS = {
  "": "The whole job",
  sketch: "Reading the sketch",
  fit: "Fitting the shape",
  prior: "Diffusion model",
  render: "Pictures it is shown",
  geometry: "Shape",
  color: "Colour",
  stage1: "First stage: imagine",
  stage2: "Second stage: refine",
  sample: "Third stage: detail",
  output: "Result",
  checkpoint: "While it runs",
};
const OWN_FIELD = ["seed"]; // stands above, with the name

export class SettingsForm {
  #fields = new Map(); // key → {row, input}
  #options = null;
  #preset = () => "standard";
  #seed = el("input", {
    id: "seed",
    type: "number",
    inputMode: "numeric",
    min: 0,
    max: 2 ** 32 - 1,
    step: 1,
    placeholder: "0",
  });
  #name = el("input", { id: "name", type: "text", maxLength: 200, placeholder: "as the file" });
  #search = el("input", {
    type: "search",
    placeholder: "Find a setting",
    "aria-label": "Find a setting",
    oninput: () => this.#filter(),
  });
  #groups = el("div", { class: "groups" });
  #count = el("span", { class: "count" });
  element = el(
    "details",
    { class: "settings" },
    el("summary", {}, "More settings", this.#count),
    el(
      "div",
      { class: "pair" },
      el("label", { for: "name" }, "Name of the result", this.#name),
      el("label", { for: "seed" }, "Seed", this.#seed),
    ),
    el(
      "div",
      { class: "find" },
      this.#search,
      button("Reset all", null, () => this.fill({ settings: {} }), "quiet small"),
    ),
    this.#groups,
  );

  constructor() {
    this.element.addEventListener("input", () => this.#mark());
    this.#search.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault()); // sends nothing
  }

  /** Draws the fields; `preset()` is the name of the one that is chosen now. */
  offer(options, preset) {
    this.#options = options;
    this.#preset = preset;
    const byGroup = Map.groupBy
      ? Map.groupBy(options.settings, groupOf)
      : options.settings.reduce(
          (map, row) => map.set(groupOf(row), [...(map.get(groupOf(row)) ?? []), row]),
          new Map(),
        );
    const drawn = [...byGroup].map(([group, rows]) =>
      el(
        "details",
        { class: "group" },
        el("summary", {}, GROUPS[group] ?? group),
        rows.filter((row) => !OWN_FIELD.includes(row.key)).map((row) => this.#field(row)),
      ),
    );
    const priors = el(
      "datalist",
      { id: "priors" },
      options.priors.map((each) =>
        el("option", { value: each.name }, each.ready ? each.title : `${each.title} (not on the server yet)`),
      ),
    );
    this.#groups.replaceChildren(...drawn, priors);
    this.presetChanged();
  }

  /** The preset's values stand in the empty fields. */
  presetChanged() {
    const preset = this.#options?.presets[this.#preset()] ?? {};
    for (const { row, input } of this.#fields.values()) {
      const value = row.key in preset ? preset[row.key] : row.default;
      if (input.tagName === "SELECT") input.options[0].textContent = `${shown(value)} (preset)`;
      else input.placeholder = shown(value);
    }
  }

  /** Puts a job's values in. */
  fill(job) {
    this.#seed.value = job.seed ?? "";
    this.#name.value = job.name ?? "";
    for (const [key, { input }] of this.#fields) input.value = key in job.settings ? shown(job.settings[key]) : "";
    this.#mark();
  }

  /** {seed, name, settings}: settings holds what was filled in and nothing else. */
  values() {
    const settings = {};
    for (const [key, { row, input }] of this.#fields)
      if (input.value.trim() !== "") settings[key] = parsed(row, input.value.trim());
    return { seed: this.#seed.value === "" ? null : Number(this.#seed.value), name: this.#name.value.trim(), settings };
  }

  /** What the browser itself can see to be wrong: {message, fix, focus}, or null. */
  wrong() {
    const input = [...this.element.querySelectorAll("input, select")].find((each) => !each.checkValidity());
    if (!input) return null;
    for (let parent = input.parentElement; parent !== this.element.parentElement; parent = parent.parentElement) {
      if (parent.tagName === "DETAILS") parent.open = true;
    }
    const range = input.min !== "" ? ` It takes ${input.min} to ${input.max}.` : "";
    return {
      message: `${input.dataset.key ?? input.id}: ${input.validationMessage}`,
      fix: `Mend it, or leave it empty for the preset's.${range}`,
      focus: input,
    };
  }

  #field(row) {
    const id = `setting-${row.key}`;
    const input = inputFor(row, id);
    this.#fields.set(row.key, { row, input });
    return el(
      "div",
      { class: "field", "data-find": `${row.key} ${row.help}`.toLowerCase() },
      el("label", { for: id }, row.key.split(".").pop().replaceAll("_", " ")),
      input,
      el("p", { id: `${id}-help` }, row.help),
    );
  }

  #filter() {
    const words = this.#search.value.toLowerCase().split(/\s+/).filter(Boolean);
    for (const group of this.#groups.querySelectorAll(".group")) {
      const fields = [...group.querySelectorAll(".field")];
      for (const field of fields) field.hidden = !words.every((word) => field.dataset.find.includes(word));
      group.hidden = fields.every((field) => field.hidden);
      if (words.length > 0) group.open = !group.hidden;
    }
  }

  #mark() {
    const changed = [...this.#fields.values()].filter(({ input }) => {
      const filled = input.value.trim() !== "";
      input.closest(".field").classList.toggle("changed", filled);
      return filled;
    });
    this.#count.textContent = changed.length > 0 ? `${changed.length} changed` : "";
  }
}

function groupOf(row) {
  return row.key.includes(".") ? row.key.split(".")[0] : "";
}

function inputFor(row, id) {
  const props = { id, "data-key": row.key, "aria-describedby": `${id}-help` };
  const choices = row.type === "bool" ? [true, false] : row.choices;
  if (choices) {
    const all = row.optional ? [...choices, null] : choices;
    return el(
      "select",
      props,
      el("option", { value: "" }),
      all.map((each) => el("option", { value: shown(each) }, shown(each))),
    );
  }
  if (row.type === "str") {
    const text = el("input", { ...props, type: "text" });
    if (row.key === "prior.name") text.setAttribute("list", "priors");
    return text;
  }
  const [min, max] = row.range ?? [undefined, undefined];
  return el("input", { ...props, type: "number", min, max, step: row.type === "int" ? 1 : "any" });
}

function parsed(row, text) {
  if (row.optional && text === "none") return null;
  if (row.type === "bool") return text === "true";
  return row.type === "str" ? text : Number(text);
}

function shown(value) {
  return value === null ? "none" : String(value);
}

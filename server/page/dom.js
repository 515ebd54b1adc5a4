// Elements without a framework. Text is always text: nothing that came over the network is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. `props`: `on…` are listeners, `class`, `data-…`, `aria-…` and other names with a dash are attributes,
 * the rest are properties; undefined ones are left out. Children: elements, text, or null for nothing.
 */
export function el(name, props = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(props)) {
    if (value === undefined) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key === "class" || key === "for" || key === "role" || key.includes("-")) element.setAttribute(key, value);
    else element[key] = value;
  }
  element.append(
    ...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false),
  );
  return element;
}

// Drawn on 20 x 20, in strokes.
const ICONS = {
  back: "M12.5 4.5 7 10l5.5 5.5",
  close: "M5.5 5.5l9 9m0-9-9 9",
  cube: "M10 2.5 16.5 6v8L10 17.5 3.5 14V6zM3.5 6 10 9.7 16.5 6M10 9.7v7.8",
  device: "M6.5 2.5h7a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1h-7a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM9 15h2",
  down: "M10 3.5v9m-4-3.7 4 4 4-4M4 16.5h12",
  first: "M10 16V6m-4.5 4L10 5.5l4.5 4.5M4.5 3h11",
  help: "M7.5 7.6a2.5 2.5 0 1 1 3.7 2.2c-.8.45-1.2.9-1.2 1.9m0 2.5v.1M10 17.5a7.5 7.5 0 1 0 0-15 7.5 7.5 0 0 0 0 15z",
  pause: "M7 4.5v11m6-11v11",
  play: "M6.5 4.2v11.6l9-5.8z",
  plus: "M10 4v12m-6-6h12",
  repeat: "M4.5 8.5a6 6 0 0 1 10.8-1.5m.4-3v3.3h-3.3M15.5 11.5a6 6 0 0 1-10.8 1.5m-.4 3v-3.3h3.3",
  trash: "M4 5.5h12M8 5.5V3.5h4v2m-6.5 0 .7 11h7.6l.7-11",
};

/** A small drawing; what it means stands beside it as text. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 20 20");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon and words. `kind`: primary, plain or quiet. */
export function button(words, iconName, onclick, kind = "plain", props = {}) {
  return el(
    "button",
    { type: "button", class: `button ${kind}`, onclick, ...props },
    iconName && icon(iconName),
    words,
  );
}

/** What went wrong and how to mend it: `error` is {message, fix}. */
export function problem(error) {
  return el(
    "div",
    { class: "problem", role: "alert" },
    el("p", {}, el("strong", {}, error.message)),
    el("p", {}, error.fix),
  );
}

/** Says it to those who do not see the page. */
export function announce(words) {
  document.getElementById("announcer").textContent = words;
}

/** A modal dialog that is gone once it is closed; Escape and a press beside it close it too. */
export function dialog(title, ...children) {
  const close = button("", "close", () => box.close(), "quiet bare", { "aria-label": "Close", title: "Close" });
  const head = el("header", {}, el("h2", {}, title), close);
  const box = el("dialog", { "aria-label": title, onclose: () => box.remove() }, head, ...children);
  box.addEventListener("click", (event) => event.target === box && box.close());
  document.body.append(box);
  box.showModal();
  return box;
}

// The keys of the page.

import { dialog, el } from "./dom.js";

const KEYS = [
  ["N", "A new job"],
  ["J, K", "The next job, the one before"],
  ["D", "Download the result"],
  ["Ctrl Enter", "Send the form"],
  ["← ↑ ↓ →", "Turn the 3D view, when it has the focus"],
  ["+ − 0", "Nearer, farther, back to the first look"],
  ["?", "These keys"],
];

/** `actions`: create(), step(1 or -1), download(). */
export function listenForKeys(actions) {
  const does = {
    n: actions.create,
    j: () => actions.step(1),
    k: () => actions.step(-1),
    d: actions.download,
    "?": showKeys,
  };
  addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const action = does[event.key.toLowerCase()];
    if (!action) return;
    event.preventDefault();
    action();
  });
}

/** What the keys are. */
export function showKeys() {
  dialog(
    "Keys",
    el(
      "dl",
      { class: "keys" },
      KEYS.map(([keys, does]) => [
        el(
          "dt",
          {},
          keys.split(" ").map((key) => el("kbd", {}, key)),
        ),
        el("dd", {}, does),
      ]),
    ),
  );
}

// How a browser gets in, and how it lets another device in.

import { ApiError, call } from "./api.js";
import { dialog, el, problem } from "./dom.js";

/** A token in the address (#token=…) becomes this browser's cookie and leaves the address at once. */
export async function useTokenInAddress() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (!token) return;
  history.replaceState(null, "", location.pathname);
  try {
    await call("POST", "/v1/session", undefined, { Authorization: `Bearer ${token}` });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error; // a wrong one: the pairing screen comes by itself
  }
}

/** The screen of a browser that the server does not know yet; `onPaired` once it does. */
export class PairingScreen {
  #code = el("input", {
    id: "code",
    inputMode: "numeric",
    autocomplete: "one-time-code",
    pattern: "[0-9]{6}",
    maxLength: 7,
    placeholder: "000 000",
    "aria-describedby": "how",
    oninput: () => this.#typed(),
  });
  #trouble = el("div", { class: "trouble" });
  element = el(
    "form",
    { class: "pairing", noValidate: true, onsubmit: (event) => this.#onSubmit(event) },
    el("img", { src: "/page/icon.svg", alt: "", width: 56, height: 56 }),
    el("h1", {}, el("label", { for: "code" }, "Pair this browser")),
    el(
      "p",
      { id: "how" },
      "On the computer that runs the server, type ",
      el("code", {}, "realify pair"),
      ". It shows six digits.",
    ),
    this.#code,
    this.#trouble,
    el("button", { type: "submit", class: "button primary large" }, "Pair"),
  );

  constructor(onPaired) {
    this.onPaired = onPaired;
  }

  focus() {
    this.#code.focus();
  }

  #typed() {
    const digits = this.#code.value.replace(/\D/g, "").slice(0, 6);
    this.#code.value = digits.length > 3 ? `${digits.slice(0, 3)} ${digits.slice(3)}` : digits;
    if (digits.length === 6) this.element.requestSubmit();
  }

  async #onSubmit(event) {
    event.preventDefault();
    this.#trouble.replaceChildren();
    const code = this.#code.value.replace(/\D/g, "");
    if (code.length !== 6) {
      this.#trouble.replaceChildren(
        problem({ message: "The code has six digits.", fix: "realify pair shows a new one at any time." }),
      );
      return;
    }
    try {
      await call("POST", "/v1/pair", { code });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      this.#trouble.replaceChildren(problem(error));
      this.#code.select();
      return;
    }
    this.onPaired();
  }
}

const ALONE =
  "This server listens on its own computer alone; started with --host 0.0.0.0, it is there for other devices too. " +
  "Another browser on this computer takes the code:";

/** A code for another device, as large as it can be read from across a room. */
export async function showCode() {
  const body = el("div", { class: "code" }, el("p", {}, "…"));
  dialog("Pair another device", body);
  try {
    const { code, seconds, addresses, fingerprint } = await call("POST", "/v1/pair/code");
    const ends = new Date(Date.now() + seconds * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    const where = addresses.map((each) => el("li", {}, each));
    const parts = [
      addresses.length > 0
        ? [el("p", {}, "Open this address on it:"), el("ul", { class: "addresses" }, where), el("p", {}, "and type:")]
        : el("p", {}, ALONE),
      el("p", { class: "digits" }, `${code.slice(0, 3)} ${code.slice(3)}`),
      el("p", { class: "soft" }, `It works once, until ${ends}.`),
      fingerprint && el("p", { class: "soft fingerprint" }, `The certificate's fingerprint: ${fingerprint}`),
    ];
    body.replaceChildren(el("div", {}, parts));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    body.replaceChildren(problem(error));
  }
}

// The server as the page speaks to it. A cookie, which the page never sees, stands for the token.

/** What went wrong: `code`, `message`, `fix` as the server tells them; `status` 0: there was no answer. */
export class ApiError extends Error {
  constructor(status, body) {
    super(body.message);
    this.status = status;
    this.code = body.code;
    this.fix = body.fix;
  }
}

const NO_ANSWER = {
  code: "no_answer",
  message: "The server does not answer.",
  fix: "Is it still running, and is this device on the same network? The page goes on by itself once it is back.",
};

/** Called with every 401: the browser is not paired (any more). */
let onUnpaired = () => {};
export function whenUnpaired(callback) {
  onUnpaired = callback;
}

/** The answer's JSON, or null where there is none. Raises ApiError. */
export async function call(method, path, body, headers = {}) {
  const init = { method, headers: { ...headers }, credentials: "same-origin" };
  if (body !== undefined) {
    init.body = JSON.stringify(body);
    init.headers["Content-Type"] = "application/json";
  }
  let response;
  try {
    response = await fetch(path, init);
  } catch {
    throw new ApiError(0, NO_ANSWER);
  }
  if (!response.ok) throw failed(response.status, await response.text());
  return response.status === 204 ? null : response.json();
}

/** A job's file. Raises ApiError. */
export async function file(job, name) {
  let response;
  try {
    response = await fetch(address(job, name), { credentials: "same-origin" });
    if (response.ok) return { data: await response.arrayBuffer(), type: response.headers.get("Content-Type") ?? "" };
  } catch {
    throw new ApiError(0, NO_ANSWER);
  }
  throw failed(response.status, await response.text());
}

/** Where a job's file is. */
export function address(job, name) {
  return `/v1/jobs/${job.id}/artefacts/${name}`;
}

/** Sends a sketch; `onProgress` gets the share that is sent, 0 to 1. The server's answer. Raises ApiError. */
export function upload(sketch, sha256, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how much of a body is sent
    request.open("PUT", `/v1/uploads/${sha256}?name=${encodeURIComponent(sketch.name)}`);
    request.upload.onprogress = (event) => onProgress(event.loaded / Math.max(event.total, 1));
    request.onload = () => {
      if (request.status < 300) resolve(JSON.parse(request.responseText));
      else reject(failed(request.status, request.responseText));
    };
    request.onerror = () => reject(new ApiError(0, NO_ANSWER));
    request.onabort = () => reject(signal.reason);
    signal.addEventListener("abort", () => request.abort());
    request.send(sketch);
  });
}

function failed(status, text) {
  let body;
  try {
    body = JSON.parse(text);
  } catch {
    body = null; // not ours: a proxy in between
  }
  if (status === 401) onUnpaired();
  const plain = { code: "unexpected", message: `The server answered ${status}.`, fix: "Its log says more." };
  return new ApiError(status, body?.message ? body : plain);
}

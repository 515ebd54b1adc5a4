// What states, stages and numbers are called on the page.

export const STATES = {
  queued: "Waiting",
  running: "Working",
  cancelling: "Stopping",
  cancelled: "Cancelled",
  failed: "Failed",
  done: "Done",
  dead: "Gave up",
};

/** The stages of a job: what they are called, and what they do. */
export const STAGES = {
  read: { title: "Read", does: "Reading the sketch" },
  fit: { title: "Fit", does: "Finding a closed shape" },
  stage1: { title: "Imagine", does: "Imagining what it is" },
  stage2: { title: "Refine", does: "Making it look real" },
  sample: { title: "Detail", does: "Drawing its surfaces" },
  bake: { title: "Paint", does: "Painting the textures" },
  export: { title: "Save", does: "Saving the result" },
};

export const PRESETS = {
  draft: "A first look, in minutes",
  standard: "Slower, with more care",
  high: "The finest, for a GPU",
};

export const FINISHED = ["done", "failed", "cancelled", "dead"];

/** "about 3 min", from seconds. */
export function about(seconds) {
  if (seconds < 5) return "a few seconds";
  if (seconds < 55) return `about ${Math.ceil(seconds / 5) * 5} s`;
  if (seconds < 3300) return `about ${Math.max(1, Math.round(seconds / 60))} min`;
  const hours = Math.floor(seconds / 3600 + 1 / 12);
  const minutes = Math.max(0, Math.round((seconds / 60 - hours * 60) / 10) * 10);
  return minutes ? `about ${hours} h ${minutes} min` : `about ${hours} h`;
}

/** "1 min 52 s", from seconds. */
export function took(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}

/** "2 minutes ago", from seconds since 1970. */
export function ago(time) {
  const seconds = Date.now() / 1000 - time;
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  if (seconds < 60) return "just now";
  if (seconds < 3600) return format.format(-Math.round(seconds / 60), "minute");
  if (seconds < 86400) return format.format(-Math.round(seconds / 3600), "hour");
  return format.format(-Math.round(seconds / 86400), "day");
}

/** One line that says how a job stands. */
export function standing(job) {
  if (job.state === "running") {
    const left = job.seconds_left;
    return left === null || left === undefined ? doing(job) : capital(`${about(left)} left`);
  }
  if (job.state === "queued" && job.place !== null && job.place !== undefined) {
    return job.place === 0 ? "Next in line" : `Waiting, ${job.place} before it`;
  }
  if (job.state === "done") return job.finished ? `Done ${ago(job.finished)}` : "Done";
  if (job.state === "failed" || job.state === "dead") return `${STATES[job.state]}: ${job.error?.message ?? ""}`;
  return STATES[job.state];
}

function capital(words) {
  return words[0].toUpperCase() + words.slice(1);
}

/** What a running job does now. */
export function doing(job) {
  return STAGES[job.stage]?.does ?? "Starting";
}

/** "1.5 MB". */
export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

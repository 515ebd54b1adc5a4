// The page's one 3D view. A browser gives a page few of them, so it moves to where it is needed; three.js is loaded
// with the first one.

let made = null;

/** {viewer, loadSketch, loadResult, suffixOfType, NotShown}; viewer is null where the browser has no WebGL. */
export function sharedViewer() {
  made ??= make();
  return made;
}

async function make() {
  const [{ Viewer }, models] = await Promise.all([import("./viewer.js"), import("./models.js")]);
  try {
    return { viewer: new Viewer(), ...models };
  } catch (error) {
    console.warn("no 3D in this browser:", error);
    return { viewer: null, ...models };
  }
}

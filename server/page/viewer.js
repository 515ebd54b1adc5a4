// One or two things in 3D, side by side under one camera: what turns the sketch turns the result.

import {
  Box3,
  CanvasTexture,
  DirectionalLight,
  HemisphereLight,
  Mesh,
  MeshBasicMaterial,
  NeutralToneMapping,
  OrbitControls,
  PerspectiveCamera,
  PlaneGeometry,
  Scene,
  Spherical,
  Vector3,
  WebGLRenderer,
} from "./vendor/three.js";

const FIELD_OF_VIEW = 30;
const FIRST_LOOK = { azimuth: 28, elevation: 14 }; // degrees
const GREETING_MS = 9000; // a first slow turn shows that this is no picture
const KEY_STEP = Math.PI / 18;
const SAMPLE = 20000; // vertices that the frame is taken from

/** Draws into a canvas that fills `parent`. Raises an Error where the browser has no WebGL. */
export class Viewer {
  #renderer = new WebGLRenderer({ antialias: true, alpha: true, powerPreference: "low-power" });
  #camera = new PerspectiveCamera(FIELD_OF_VIEW);
  #controls;
  #panes = [];
  #frame = 0;
  #greetingEnds = 0;
  #home = { target: new Vector3(), radius: 1, azimuth: 0 };
  #parent = null;
  #resized = new ResizeObserver(() => this.#resize());

  constructor() {
    const canvas = this.#renderer.domElement;
    canvas.className = "canvas";
    canvas.tabIndex = 0;
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-roledescription", "3D view");
    this.#renderer.toneMapping = NeutralToneMapping;
    this.#renderer.autoClear = false;
    this.#controls = new OrbitControls(this.#camera, canvas);
    this.#controls.enableDamping = !calm();
    this.#controls.enablePan = false;
    this.#controls.autoRotateSpeed = 1.2;
    this.#controls.addEventListener("change", () => this.#draw());
    this.#controls.addEventListener("start", () => (this.#greetingEnds = 0));
    canvas.style.touchAction = "pan-y"; // a finger that goes up or down scrolls the page
    canvas.addEventListener("keydown", (event) => this.#onKey(event));
    canvas.addEventListener("dblclick", () => this.reset());
  }

  /** Moves the canvas there. */
  mount(parent) {
    this.#parent = parent;
    this.#resized.disconnect();
    parent.prepend(this.#renderer.domElement);
    this.#resized.observe(parent);
    this.#resize();
  }

  /**
   * Shows these models, left to right or top to bottom; the last one decides where the camera stands.
   * `front`: degrees by which the first look is turned. The camera stays where it is if `keep`.
   */
  show(models, { front = 0, label = "", keep = false, wheel = true } = {}) {
    this.clear();
    this.#panes = models.map((model) => this.#scene(model));
    this.#renderer.domElement.setAttribute(
      "aria-label",
      `${label}. Arrow keys turn it, plus and minus bring it nearer and farther, 0 brings it back.`,
    );
    this.#controls.enableZoom = wheel;
    const { centre, radius } = bounds(models.at(-1));
    this.#home = { target: centre, radius, azimuth: FIRST_LOOK.azimuth + front };
    for (const { scene } of this.#panes) scene.add(shadow(models.at(-1), radius));
    this.#resize();
    if (!keep) {
      this.reset();
      this.#greetingEnds = calm() ? 0 : performance.now() + GREETING_MS;
    }
    this.#draw();
  }

  /** Frees what the graphics card holds for the models. */
  clear() {
    for (const { scene } of this.#panes) scene.traverse(free);
    this.#panes = [];
    this.#draw();
  }

  /** Back to the first look. */
  reset() {
    const { target, radius, azimuth } = this.#home;
    const narrow = Math.min(1, this.#camera.aspect);
    const distance = (radius * 1.25) / Math.sin((FIELD_OF_VIEW / 2) * (Math.PI / 180)) / narrow;
    const polar = ((90 - FIRST_LOOK.elevation) * Math.PI) / 180;
    this.#camera.position.setFromSphericalCoords(distance, polar, (azimuth * Math.PI) / 180).add(target);
    this.#camera.near = distance / 50;
    this.#camera.far = distance * 20;
    this.#camera.updateProjectionMatrix();
    this.#controls.target.copy(target);
    this.#controls.minDistance = distance / 6;
    this.#controls.maxDistance = distance * 3;
    this.#controls.update();
  }

  #scene(model) {
    const scene = new Scene();
    scene.add(model, ...lamps());
    return { scene };
  }

  #resize() {
    if (!this.#parent) return;
    const { clientWidth: width, clientHeight: height } = this.#parent;
    if (width === 0 || height === 0) return;
    const stacked = this.#panes.length > 1 && width < height * 1.05;
    this.#parent.dataset.panes = this.#panes.length > 1 ? (stacked ? "rows" : "columns") : "one";
    this.#renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.#renderer.setSize(width, height);
    const count = Math.max(this.#panes.length, 1);
    this.#panes.forEach((pane, i) => {
      // WebGL counts rows from below.
      if (stacked) pane.box = [0, (height * (count - 1 - i)) / count, width, height / count];
      else pane.box = [(width * i) / count, 0, width / count, height];
    });
    this.#camera.aspect = stacked ? (width * count) / height : width / count / height;
    this.#camera.updateProjectionMatrix();
    this.#draw();
  }

  #draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#controls.autoRotate = performance.now() < this.#greetingEnds && !document.hidden;
      this.#controls.update(); // tells "change", which draws on, as long as anything moves
      this.#renderer.setScissorTest(false);
      this.#renderer.clear();
      this.#renderer.setScissorTest(true);
      for (const { scene, box } of this.#panes) {
        this.#renderer.setViewport(...box);
        this.#renderer.setScissor(...box);
        this.#renderer.render(scene, this.#camera);
      }
    });
  }

  #onKey(event) {
    const turns = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const nearer = { "+": 1 / 1.15, "=": 1 / 1.15, "-": 1.15 }[event.key];
    if ((!turns && !nearer && event.key !== "0") || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.#greetingEnds = 0;
    if (event.key === "0") {
      this.reset();
      return;
    }
    const offset = this.#camera.position.clone().sub(this.#controls.target);
    const at = new Spherical().setFromVector3(offset);
    at.theta += (turns?.[0] ?? 0) * KEY_STEP;
    at.phi += (turns?.[1] ?? 0) * KEY_STEP;
    at.radius *= nearer ?? 1;
    this.#camera.position.setFromSpherical(at.makeSafe()).add(this.#controls.target);
    this.#controls.update();
  }
}

/** Whether the person asked for little motion. */
function calm() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

/** Where a model stands, without the outermost hundredth of its vertices: a stray one does not make the rest tiny. */
function bounds(model) {
  const points = sample(model);
  const axes = [0, 1, 2].map((axis) => spread(points.map((point) => point[axis])));
  const box = new Box3(new Vector3(...axes.map((axis) => axis[0])), new Vector3(...axes.map((axis) => axis[1])));
  const centre = box.getCenter(new Vector3());
  const distances = points.map(([x, y, z]) => Math.hypot(x - centre.x, y - centre.y, z - centre.z));
  return { centre, radius: Math.max(spread(distances)[1], 1e-6), box };
}

/** Some of its vertices, as they stand in the world. */
function sample(model) {
  const nodes = [];
  model.traverse((node) => node.geometry?.hasAttribute("position") && nodes.push(node));
  const every = Math.ceil(nodes.reduce((sum, node) => sum + node.geometry.attributes.position.count, 0) / SAMPLE) || 1;
  const point = new Vector3();
  const points = [];
  for (const node of nodes) {
    const position = node.geometry.attributes.position;
    for (let i = 0; i < position.count; i += every) {
      const at = point.fromBufferAttribute(position, i).applyMatrix4(node.matrixWorld).toArray();
      if (at.every(Number.isFinite)) points.push(at);
    }
  }
  return points;
}

/** The least and the greatest of the numbers but for half a hundredth at each end; -1 and 1 where there are none. */
function spread(numbers) {
  const sorted = Float64Array.from(numbers).sort();
  const cut = Math.floor(sorted.length / 200);
  return [sorted[cut] ?? -1, sorted[sorted.length - 1 - cut] ?? 1];
}

/** A bright ceiling over a warm floor, and three lamps as in a photographer's studio. No picture of surroundings: where
 * a processor draws, preparing one takes half a minute. */
function lamps() {
  const lamp = (x, y, z, strength) => {
    const light = new DirectionalLight("white", strength);
    light.position.set(x, y, z);
    return light;
  };
  return [
    new HemisphereLight("#ffffff", "#c4b7a4", 1.9),
    lamp(2, 3, 2.5, 1.7),
    lamp(-3, 1, 1.5, 0.6),
    lamp(0.5, 2, -3, 0.8),
  ];
}

/** A soft dark spot below: without it things hang in the air. */
function shadow(model, radius) {
  const { box, centre } = bounds(model);
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 128;
  const pen = canvas.getContext("2d");
  const spot = pen.createRadialGradient(64, 64, 4, 64, 64, 64);
  spot.addColorStop(0, "rgba(0,0,0,.3)");
  spot.addColorStop(0.5, "rgba(0,0,0,.07)");
  spot.addColorStop(1, "rgba(0,0,0,0)");
  pen.fillStyle = spot;
  pen.fillRect(0, 0, 128, 128);
  const size = box.getSize(new Vector3());
  const material = new MeshBasicMaterial({ map: new CanvasTexture(canvas), transparent: true, depthWrite: false });
  material.toneMapped = false;
  const plane = new Mesh(new PlaneGeometry(size.x * 1.2, size.z * 1.2), material);
  plane.rotation.x = -Math.PI / 2;
  plane.position.set(centre.x, box.min.y - radius * 0.01, centre.z);
  return plane;
}

function free(node) {
  node.geometry?.dispose();
  for (const material of [node.material ?? []].flat()) {
    for (const value of Object.values(material)) if (value?.isTexture) value.dispose();
    material.dispose();
  }
}

// Sketches and results as things that three.js draws, with the sketch turned as the server turns it.

import {
  DoubleSide,
  GLTFLoader,
  Group,
  LoadingManager,
  Mesh,
  MeshStandardMaterial,
  OBJLoader,
  PLYLoader,
  Points,
  PointsMaterial,
  STLLoader,
} from "./vendor/three.js";

/** A file cannot be shown here; the server may well read it. */
export class NotShown extends Error {}

const SUFFIX_OF_TYPE = { "model/gltf-binary": "glb", "model/obj": "obj", "model/stl": "stl", "application/zip": "zip" };

/** The kind of file that an artefact's Content-Type names. */
export function suffixOfType(type) {
  return SUFFIX_OF_TYPE[type.split(";")[0].trim()] ?? "ply";
}

/** A result as its file says it. */
export async function loadResult(data) {
  return readGlb(data);
}

/** A sketch from its bytes. `settings`: a job's, of which sketch.up and sketch.scale turn it. Raises NotShown. */
export async function loadSketch(data, suffix, settings = {}) {
  if (suffix === "zip") throw new NotShown("A .zip is not unpacked here: the result will stand alone.");
  let model;
  try {
    model = await READERS[suffix](data);
  } catch (error) {
    throw new NotShown("This browser cannot draw the file.", { cause: error });
  }
  model.traverse(plain);
  const up = settings["sketch.up"] ?? "auto";
  const placed = new Group().add(model);
  if (up === "z" || (up === "auto" && suffix === "stl")) placed.rotation.x = -Math.PI / 2;
  placed.scale.setScalar(Number(settings["sketch.scale"] ?? 1));
  placed.updateMatrixWorld(true);
  return placed;
}

const READERS = {
  glb: readGlb,
  obj: async (data) => new OBJLoader().parse(text(data)),
  stl: async (data) => surface(new STLLoader().parse(data)),
  ply: async (data) => surface(new PLYLoader().parse(data)),
};

async function readGlb(data) {
  const manager = new LoadingManager();
  manager.setURLModifier((url) => (/^(blob|data):/.test(url) ? url : "data:,")); // nothing is fetched for a model
  const { scene } = await new GLTFLoader(manager).parseAsync(data, "");
  scene.updateMatrixWorld(true);
  return scene;
}

function text(data) {
  return new TextDecoder().decode(data);
}

function surface(geometry) {
  const colored = geometry.hasAttribute("color");
  if (!geometry.index && geometry.getAttribute("position").count % 3 !== 0) {
    return new Points(geometry, new PointsMaterial({ vertexColors: colored, size: 2, sizeAttenuation: false }));
  }
  return new Mesh(geometry, new MeshStandardMaterial({ vertexColors: colored, color: colored ? "white" : CLAY }));
}

const CLAY = "#b9b2a6";

/** Brushes of painting programs are unlit or shiny; drawn in one plain material, the strokes can be seen. */
function plain(node) {
  if (node.isLight) node.visible = false;
  if (!node.isMesh) return;
  const flat = !node.geometry.hasAttribute("normal");
  const materials = [node.material].flat().map((old) => {
    const made = new MeshStandardMaterial({
      color: old.color ?? CLAY,
      map: old.map ?? null,
      vertexColors: old.vertexColors,
      opacity: old.opacity,
      alphaTest: old.transparent ? 0.35 : old.alphaTest,
      roughness: 0.8,
      side: DoubleSide,
      flatShading: flat,
    });
    old.dispose();
    return made;
  });
  node.material = Array.isArray(node.material) ? materials : materials[0];
}

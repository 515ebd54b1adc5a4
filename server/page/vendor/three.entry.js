// What the page needs of three.js. three.js beside this file is made of it: README.md says how.
export {
  Box3,
  CanvasTexture,
  DirectionalLight,
  DoubleSide,
  Group,
  HemisphereLight,
  LoadingManager,
  Mesh,
  MeshBasicMaterial,
  MeshStandardMaterial,
  NeutralToneMapping,
  PerspectiveCamera,
  PlaneGeometry,
  Points,
  PointsMaterial,
  Scene,
  Spherical,
  Vector3,
  WebGLRenderer,
} from 'three';
export { OrbitControls } from 'three/addons/controls/OrbitControls.js';
export { GLTFLoader } from 'three/addons/loaders/GLTFLoader.js';
export { OBJLoader } from 'three/addons/loaders/OBJLoader.js';
export { PLYLoader } from 'three/addons/loaders/PLYLoader.js';
export { STLLoader } from 'three/addons/loaders/STLLoader.js';

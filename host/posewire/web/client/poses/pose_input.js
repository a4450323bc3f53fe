/** What a page has of a pose, as the landmark sets of the wire. */

import { PoseError } from "../errors.js";
import { landmarkSet } from "../pose.js";

/** @typedef {{x: number, y: number, z?: number, visibility?: number}} Landmark as MediaPipe has it */
/** @typedef {ArrayLike<number> | ArrayLike<Landmark>} Landmarks flat numbers, or MediaPipe's landmarks */

/**
 * A pose by its parts, each null where it was not found.
 * @typedef {object} PoseParts
 * @property {Landmarks | null} [body] 33 landmarks
 * @property {Landmarks | null} [world] 33, in metres
 * @property {Landmarks | null} [left_hand] 21
 * @property {Landmarks | null} [right_hand] 21
 * @property {Landmarks | null} [face] 468 or 478
 * @property {Landmarks | null} [coco] 17
 * @property {ArrayLike<number> | null} [quaternions] any number, four values each
 */

/** @type {Record<string, string>} */
const NAMED = { body: "body33", world: "world33", left_hand: "hand21", right_hand: "hand21_right", coco: "coco17" };

/**
 * Return landmark set name → flat floats. `pose`: parts, sets by their names, or what MediaPipe's tasks return
 * (PoseLandmarker, HandLandmarker, FaceLandmarker, HolisticLandmarker: the first person). Throws PoseError, which names
 * what is wrong.
 * @param {PoseParts | Record<string, any>} pose
 * @returns {Record<string, Float32Array | null>}
 */
export function readPose(pose) {
  if (typeof pose !== "object" || pose === null || ArrayBuffer.isView(pose) || Array.isArray(pose))
    throw new PoseError("a pose must be a result of MediaPipe, or parts such as {body: …}");
  /** @type {Record<string, Float32Array | null>} */
  const sets = {};
  for (const [name, values] of Object.entries(fromMediapipe(pose) ?? pose)) {
    const set = setName(name, values);
    if (set in sets) throw new PoseError(`${set} is given twice`);
    sets[set] = values === null || values === undefined || values.length === 0 ? null : flat(set, values);
  }
  if (!Object.keys(sets).length) throw new PoseError("no pose was given: give a result, or parts such as {body: …}");
  return sets;
}

/**
 * @param {Record<string, any>} result
 * @returns {Record<string, any> | null} null: it is none of MediaPipe's
 */
function fromMediapipe(result) {
  /** @param {string} name */
  const first = (name) => result[name]?.[0] ?? null;
  /** @type {Record<string, any>} */
  const parts = {};
  if (result.poseLandmarks || result.faceLandmarks || result.leftHandLandmarks || result.rightHandLandmarks) {
    if (result.poseLandmarks) parts.body = first("poseLandmarks");
    if (result.poseWorldLandmarks) parts.world = first("poseWorldLandmarks");
    if (first("faceLandmarks")) parts.face = first("faceLandmarks");
    if (result.leftHandLandmarks) parts.left_hand = first("leftHandLandmarks");
    if (result.rightHandLandmarks) parts.right_hand = first("rightHandLandmarks");
    return parts;
  }
  if (!Array.isArray(result.landmarks)) return null;
  const hands = result.handedness ?? result.handednesses;
  if (!hands) return { body: first("landmarks"), world: first("worldLandmarks") };
  parts.left_hand = parts.right_hand = null;
  result.landmarks.forEach((/** @type {Landmarks} */ landmarks, /** @type {number} */ index) => {
    parts[hands[index]?.[0]?.categoryName === "Right" ? "right_hand" : "left_hand"] = landmarks;
  });
  return parts;
}

/**
 * @param {string} name
 * @param {any} values
 */
function setName(name, values) {
  if (name === "quaternions") return `quat${(values?.length ?? 4) / 4}`;
  if (name !== "face") return NAMED[name] ?? name;
  const count = typeof values?.[0] === "object" ? values.length : (values?.length ?? 468 * 3) / 3;
  if (count !== 468 && count !== 478) throw new PoseError(`a face must have 468 or 478 landmarks, not ${count}`);
  return `face${count}`;
}

/**
 * @param {string} name
 * @param {any} values
 */
function flat(name, values) {
  const { size, landmarks, channels } = landmarkSet(name);
  if (typeof values[0] !== "object") {
    if (values.length !== size) throw new PoseError(`${name} has ${size} values, not ${values.length}`);
    return Float32Array.from(values);
  }
  if (values.length !== landmarks) throw new PoseError(`${name} has ${landmarks} landmarks, not ${values.length}`);
  const result = new Float32Array(size);
  for (let i = 0; i < landmarks; i++) {
    const { x, y, z = 0, visibility = 1 } = values[i] ?? { x: NaN, y: NaN };
    const all = channels === 4 ? [x, y, z, visibility] : name === "coco17" ? [x, y, visibility] : [x, y, z];
    result.set(all, i * channels);
  }
  return result;
}

/** Landmark sets: those with a name, and any that a packet declares. */

import { PoseError } from "../errors.js";
import { CUSTOM_ID, QUAT_ID } from "./constants.js";

export const NAMED = {
  1: ["body33", 33, [12, 12, 10, 6], "body33"],
  2: ["hands42", 42, [12, 12, 10], "hand21"],
  3: ["face468", 468, [12, 12, 10], "face478"],
  4: ["face478", 478, [12, 12, 10], "face478"],
  5: ["world33", 33, [10, 10, 10, 6], "world33"],
  6: ["coco17", 17, [12, 12, 6], "coco17"],
  8: ["imu6", 2, [0, 0, 0], null],
  10: ["hand21", 21, [12, 12, 10], "hand21"],
  11: ["hand21_right", 21, [12, 12, 10], "hand21"],
};

/** A set by name (`quat1` … `quat255` included) or by its declaration `{id, landmarks, bits, parents}`. */
export function landmarkSet(name, bits) {
  if (typeof name === "object") return makeSet(name.id, name.landmarks, name.bits, name.parents);
  const quat = /^quat(\d+)$/.exec(name);
  if (quat) return makeSet(QUAT_ID, Number(quat[1]), bits ?? [12, 12, 12, 12]);
  for (const [id, [known, landmarks, own]] of Object.entries(NAMED)) {
    if (known === name) return makeSet(Number(id), landmarks, bits ?? own);
  }
  throw new PoseError(`unknown landmark set ${name}`);
}

export function makeSet(id, landmarks, bits, parents) {
  bits = [...bits];
  if (bits.length < 1 || bits.length > 8 || bits.some((b) => b < -15 || b > 15)) throw new PoseError("steps out of range");
  let name;
  if (id === CUSTOM_ID) {
    name = "custom";
    parents = parents?.length ? [...parents] : new Array(landmarks).fill(-1);
    if (landmarks < 1 || landmarks > 1000 || parents.length !== landmarks) throw new PoseError("a custom set of the wrong size");
    if (parents.some((p, i) => p >= i || p < -1)) throw new PoseError("a parent must come before its landmark");
  } else if (id === QUAT_ID) {
    name = `quat${landmarks}`;
    if (landmarks < 1 || landmarks > 255 || bits.length !== 4 || bits.some((b) => b !== bits[0]) || bits[0] < 4 || bits[0] > 14)
      throw new PoseError("a quat set out of range");
    parents = [];
  } else {
    const known = NAMED[id];
    if (!known || bits.length > known[2].length) throw new PoseError(`unknown landmark set ${id}`);
    name = known[0];
    landmarks = known[1];
    parents = [];
  }
  const channels = bits.length, quat = id === QUAT_ID, coded = quat ? 3 : channels;
  return { id, name, landmarks, bits, parents, channels, coded, quat, size: landmarks * channels, codedSize: landmarks * coded };
}

export const sameSet = (a, b) =>
  a.id === b.id && a.landmarks === b.landmarks && a.bits.join() === b.bits.join() && a.parents.join() === b.parents.join();

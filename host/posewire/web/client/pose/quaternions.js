/** Quaternions: three of four components are coded, the fourth follows (docs/pose-packet.md section 7). */

import { DELTA, INTRA, SKIP } from "./constants.js";
import { clamp, root } from "./integers.js";

function quatDrop(x, b) {
  let best = 0, most = -1;
  for (let c = 0; c < 4; c++)
    if (Math.abs(x[b + c]) > most) {
      most = Math.abs(x[b + c]);
      best = c;
    }
  return best;
}

const dot = (a, b, at) => a[at] * b[at] + a[at + 1] * b[at + 1] + a[at + 2] * b[at + 2] + a[at + 3] * b[at + 3];

export function quatReference(landmarks, action, referenceQuaternions, previousQuaternions, reference, previous, dropped) {
  for (let i = 0; i < landmarks; i++) {
    if (action[i] === SKIP) continue;
    const b = 4 * i;
    let o = 3 * i, droppedIndex = dropped[i] & 3;
    if (action[i] === DELTA) {
      droppedIndex = quatDrop(referenceQuaternions, b);
      dropped[i] = droppedIndex + (referenceQuaternions[b + droppedIndex] < 0 ? 4 : 0);
    }
    const t = dot(previousQuaternions, referenceQuaternions, b) < 0 ? -1 : 1;
    for (let c = 0; c < 4; c++)
      if (c !== droppedIndex) {
        reference[o] = referenceQuaternions[b + c];
        previous[o++] = t * previousQuaternions[b + c];
      }
  }
}

export function quatPrepare(landmarks, unit, action, quaternions, referenceQuaternions, previousQuaternions, x, reference, previous, dropped) {
  const jumps = new Array(landmarks).fill(false), sign = new Int32Array(landmarks).fill(1);
  let any = false;
  for (let i = 0; i < landmarks; i++) {
    if (action[i] === SKIP) continue;
    const b = 4 * i;
    if (action[i] === DELTA) {
      const droppedIndex = quatDrop(referenceQuaternions, b);
      sign[i] = dot(quaternions, referenceQuaternions, b) < 0 ? -1 : 1;
      if (sign[i] * quaternions[b + droppedIndex] * (referenceQuaternions[b + droppedIndex] >= 0 ? 1 : -1) * 20 < unit * 9) {
        action[i] = INTRA;
        jumps[i] = any = true;
      }
    }
    if (action[i] === INTRA) {
      dropped[i] = quatDrop(quaternions, b);
      sign[i] = quaternions[b + dropped[i]] < 0 ? -1 : 1;
    }
  }
  quatReference(landmarks, action, referenceQuaternions, previousQuaternions, reference, previous, dropped);
  for (let i = 0; i < landmarks; i++) {
    if (action[i] === SKIP) continue;
    let o = 3 * i;
    for (let c = 0; c < 4; c++) if (c !== (dropped[i] & 3)) x[o++] = sign[i] * quaternions[4 * i + c];
  }
  return any ? jumps : null;
}

// Quaternions on the grid that are not of length `unit` become rotations (section 7); of length 0: not there. Integers only.
export function toUnitLength(values, x, present, unit) {
  for (let i = 0; i < present.length; i++) {
    const first = 4 * i;
    if (!present[i] || Math.abs(dot(x, x, first) - unit * unit) <= 2 * unit + 1) continue;
    const scaled = [], floats = [0, 1, 2, 3].map((c) => Math.fround(values[first + c])).map((v) => (Math.abs(v) < 2 ** -126 ? 0 : v));
    const bits = (v) => (new Uint32Array(new Float32Array([v]).buffer)[0] >>> 23) & 255;
    const exponent = Math.max(...floats.map(bits)) - 126;
    for (const v of floats) scaled.push(Math.sign(v) * Math.floor(Math.abs(v) * 2 ** (13 - exponent) + 0.5));
    const length = root(dot(scaled, scaled, 0));
    present[i] = length ? 1 : 0;
    for (let c = 0; c < 4; c++) {
      const size = length ? Math.min(Math.floor((Math.abs(scaled[c]) * unit + (length >> 1)) / length), unit) : 0;
      x[first + c] = scaled[c] < 0 ? -size : size;
    }
  }
}

export function quatRestore(landmarks, unit, action, x, dropped, referenceQuaternions) {
  const out = new Int32Array(4 * landmarks);
  for (let i = 0; i < landmarks; i++) {
    const b = 4 * i;
    let o = 3 * i, rest = unit * unit;
    if (action[i] === SKIP) {
      for (let c = 0; c < 4; c++) out[b + c] = referenceQuaternions[b + c];
      continue;
    }
    for (let c = 0; c < 3; c++) {
      x[o + c] = clamp(x[o + c], -unit, unit);
      rest -= x[o + c] * x[o + c];
    }
    for (let c = 0; c < 4; c++) out[b + c] = c === (dropped[i] & 3) ? (dropped[i] & 4 ? -root(rest) : root(rest)) : x[o++];
  }
  return out;
}

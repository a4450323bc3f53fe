/** Vectors, matrices (column-major, as WebGL has them) and quaternions (w, x, y, z). */

/** @typedef {[number, number, number]} Vec */
/** @typedef {[number, number, number, number]} Quat */

/**
 * @param {number} fovY in radians
 * @param {number} aspect
 * @param {number} near
 * @param {number} far
 */
export function perspective(fovY, aspect, near, far) {
  const f = 1 / Math.tan(fovY / 2);
  return Float32Array.of(
    f / aspect,
    0,
    0,
    0,
    0,
    f,
    0,
    0,
    0,
    0,
    (far + near) / (near - far),
    -1,
    0,
    0,
    (2 * far * near) / (near - far),
    0,
  );
}

/**
 * The view from an eye to a target, up being y.
 * @param {Vec} eye
 * @param {Vec} target
 */
export function lookAt(eye, target) {
  const z = unit(sub(eye, target));
  const x = unit(cross([0, 1, 0], z));
  const y = cross(z, x);
  return Float32Array.of(
    x[0],
    y[0],
    z[0],
    0,
    x[1],
    y[1],
    z[1],
    0,
    x[2],
    y[2],
    z[2],
    0,
    -dot(x, eye),
    -dot(y, eye),
    -dot(z, eye),
    1,
  );
}

/**
 * @param {Float32Array} a
 * @param {Float32Array} b
 */
export function multiply(a, b) {
  const result = new Float32Array(16);
  for (let c = 0; c < 4; c++) {
    for (let r = 0; r < 4; r++) {
      for (let k = 0; k < 4; k++) result[4 * c + r] += a[4 * k + r] * b[4 * c + k];
    }
  }
  return result;
}

/** @param {Vec} a @param {Vec} b @returns {Vec} */
export const sub = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
/** @param {Vec} a @param {Vec} b @returns {Vec} */
export const add = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
/** @param {Vec} a @param {Vec} b */
export const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
/** @param {Vec} a @param {Vec} b @returns {Vec} */
export const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
/** @param {Vec} a @returns {Vec} */
export const unit = (a) => {
  const length = Math.hypot(...a) || 1;
  return [a[0] / length, a[1] / length, a[2] / length];
};

/** @param {Quat} q @param {Vec} v @returns {Vec} */
export function rotate([w, x, y, z], v) {
  /** @type {Vec} */
  const axis = [x, y, z];
  const once = cross(axis, v);
  const twice = cross(axis, once);
  return [v[0] + 2 * (w * once[0] + twice[0]), v[1] + 2 * (w * once[1] + twice[1]), v[2] + 2 * (w * once[2] + twice[2])];
}

/**
 * Turn an orientation by a rate (radians a second, in its own axes) for so long.
 * @param {Quat} q
 * @param {Vec} rate
 * @param {number} seconds
 * @returns {Quat}
 */
export function turn([w, x, y, z], rate, seconds) {
  const [a, b, c] = rate.map((value) => (value * seconds) / 2);
  const next = [w - x * a - y * b - z * c, x + w * a + y * c - z * b, y + w * b - x * c + z * a, z + w * c + x * b - y * a];
  const length = Math.hypot(...next) || 1;
  return /** @type {Quat} */ (next.map((value) => value / length));
}

/** Poses as lines and dots: skeletons, hands, faces, orientations. */

import { add, cross, rotate, turn, unit } from "./geometry.js";

/** @typedef {import("./geometry.js").Vec} Vec */
/** @typedef {import("./geometry.js").Quat} Quat */
/** @typedef {import("./renderer.js").Renderer} Renderer */

const BODY = [
  [11, 12],
  [11, 23],
  [12, 24],
  [23, 24],
  [11, 13],
  [13, 15],
  [12, 14],
  [14, 16],
  [15, 17],
  [15, 19],
  [15, 21],
  [17, 19],
  [16, 18],
  [16, 20],
  [16, 22],
  [18, 20],
  [23, 25],
  [25, 27],
  [24, 26],
  [26, 28],
  [27, 29],
  [29, 31],
  [27, 31],
  [28, 30],
  [30, 32],
  [28, 32],
  [0, 2],
  [2, 7],
  [0, 5],
  [5, 8],
  [9, 10],
];
const HAND = [
  [0, 1],
  [1, 2],
  [2, 3],
  [3, 4],
  [0, 5],
  [5, 6],
  [6, 7],
  [7, 8],
  [5, 9],
  [9, 10],
  [10, 11],
  [11, 12],
  [9, 13],
  [13, 14],
  [14, 15],
  [15, 16],
  [13, 17],
  [17, 18],
  [18, 19],
  [19, 20],
  [0, 17],
];
const COCO = [
  [5, 6],
  [5, 7],
  [7, 9],
  [6, 8],
  [8, 10],
  [5, 11],
  [6, 12],
  [11, 12],
  [11, 13],
  [13, 15],
  [12, 14],
  [14, 16],
  [0, 1],
  [0, 2],
  [1, 3],
  [2, 4],
];
const TWO_HANDS = [...HAND, ...HAND.map(([a, b]) => [a + 21, b + 21])];

/** What is drawn of a landmark set: its bones, how many values a landmark has, whose ends leave trails, and its scale. */
const SETS =
  /** @type {Record<string, {bones: number[][], channels: number, trails: number[], metres?: boolean, flat?: boolean}>} */ ({
    body33: { bones: BODY, channels: 4, trails: [15, 16] },
    world33: { bones: BODY, channels: 4, trails: [15, 16], metres: true },
    hands42: { bones: TWO_HANDS, channels: 3, trails: [8, 29] },
    hand21: { bones: HAND, channels: 3, trails: [8] },
    hand21_right: { bones: HAND, channels: 3, trails: [8] },
    coco17: { bones: COCO, channels: 3, trails: [9, 10], flat: true },
    face468: { bones: [], channels: 3, trails: [] },
    face478: { bones: [], channels: 3, trails: [] },
  });

const HEIGHT = 2;
/** How tall somebody is who is seen in a picture, in metres. */
const PERSON = 1.75;
const TRAIL = 40;
const COUNTS_A_DEGREE = 16.4;
const BOX = /** @type {Vec[]} */ (
  [-1, 1].flatMap((x) => [-1, 1].flatMap((y) => [-1, 1].map((z) => [0.28 * x, 0.06 * y, 0.18 * z])))
);
const EDGES = [
  [0, 1],
  [0, 2],
  [0, 4],
  [1, 3],
  [1, 5],
  [2, 3],
  [2, 6],
  [3, 7],
  [4, 5],
  [4, 6],
  [5, 7],
  [6, 7],
];
const AXES = /** @type {[Vec, number[]][]} */ ([
  [
    [0.45, 0, 0],
    [1, 0.35, 0.3, 1],
  ],
  [
    [0, 0.45, 0],
    [0.4, 0.9, 0.4, 1],
  ],
  [
    [0, 0, 0.45],
    [0.4, 0.6, 1, 1],
  ],
]);

/** One stream as it is drawn: it remembers trails and orientation. */
export class Figure {
  /** @type {Map<string, Vec[]>} */
  #trails = new Map();
  /** @type {Quat} */
  #orientation = [1, 0, 0, 0];
  /** @type {number | null} */
  #timeMs = null;
  /** How far the lowest landmark is above the floor, smoothed: pictures do not say where that is. */
  #lowest = 0;
  #stands = false;
  /** The most that it was tall lately, in the scene's metres: those of a picture are nobody's. */
  #tall = 0;

  /** @param {readonly number[]} color */
  constructor(color) {
    this.color = color;
  }

  /**
   * Take a pose that has come: what is drawn of its past.
   * @param {import("/posewire/v1/client/poses/pose_streams.js").ReceivedPose} pose
   */
  update(pose) {
    for (const [name, values] of Object.entries(pose.values)) {
      const set = SETS[name];
      for (const end of set?.trails ?? []) {
        const trail = this.#trails.get(`${name} ${end}`) ?? [];
        this.#trails.set(`${name} ${end}`, trail);
        const point = place(set, values, end);
        if (point) trail.push(point);
        if (trail.length > TRAIL) trail.shift();
      }
      if (set) this.#stand(set, values);
      if (name === "imu6") this.#feel(values, pose.timeMs);
    }
  }

  /**
   * @param {Renderer} renderer
   * @param {Record<string, Float32Array>} values
   * @param {Vec} origin
   * @param {{trails: boolean, opacity: number}} options
   */
  draw(renderer, values, origin, { trails, opacity }) {
    const color = [...this.color, opacity];
    for (const [name, flat] of Object.entries(values)) {
      const set = SETS[name];
      if (set) this.#landmarks(renderer, name, set, flat, origin, color, trails);
      else if (name === "imu6") this.#box(renderer, this.#orientation, add(origin, [0, 1, 0]), color);
      else if (name.startsWith("quat")) {
        const count = flat.length / 4;
        for (let i = 0; i < count; i++) {
          const q = /** @type {Quat} */ ([...flat.subarray(4 * i, 4 * i + 4)]);
          const side = (i - (count - 1) / 2) * 0.8;
          if (!q.some(Number.isNaN)) this.#box(renderer, q, add(origin, [side, 1, 0]), color);
        }
      }
    }
  }

  /**
   * @param {typeof SETS[string]} set
   * @param {Float32Array} flat
   */
  #stand(set, flat) {
    if (!set.bones.length || set.bones === HAND || set.bones === TWO_HANDS) return;
    let lowest = Infinity;
    let highest = -Infinity;
    for (let i = 0; i < flat.length / set.channels; i++) {
      const y = place(set, flat, i)?.[1];
      if (y === undefined) continue;
      lowest = Math.min(lowest, y);
      highest = Math.max(highest, y);
    }
    if (!Number.isFinite(lowest)) return;
    this.#lowest += (lowest - this.#lowest) * (this.#stands ? 0.03 : 1);
    this.#tall = Math.max(highest - lowest, 0.999 * this.#tall, 0.2);
    this.#stands = true;
  }

  /**
   * @param {Renderer} renderer
   * @param {string} name
   * @param {typeof SETS[string]} set
   * @param {Float32Array} flat
   * @param {Vec} origin
   * @param {number[]} color
   * @param {boolean} trails
   */
  #landmarks(renderer, name, set, flat, origin, color, trails) {
    const count = flat.length / set.channels;
    const small = name.startsWith("face") || name.startsWith("hand");
    const scale = this.#tall && !set.metres && set.bones !== HAND && set.bones !== TWO_HANDS ? PERSON / this.#tall : 1;
    /** @param {Vec} point @returns {Vec} */
    const stand = ([x, y, z]) => add([x * scale, (y - this.#lowest) * scale, z * scale], origin);
    const points = Array.from({ length: count }, (_, i) => {
      const point = place(set, flat, i);
      return point && stand(point);
    });
    for (const [a, b] of set.bones) {
      const from = points[a];
      const to = points[b];
      if (from && to) renderer.line(from, to, color, small ? 0.012 : 0.028);
    }
    for (const point of points) if (point) renderer.line(point, point, [1, 1, 1, color[3]], small ? 0.01 : 0.034);
    if (!trails) return;
    for (const end of set.trails) {
      const trail = this.#trails.get(`${name} ${end}`) ?? [];
      for (let i = 1; i < trail.length; i++) {
        const fade = [color[0], color[1], color[2], (0.6 * color[3] * i) / trail.length];
        renderer.line(stand(trail[i - 1]), stand(trail[i]), fade, 0.012);
      }
    }
  }

  /**
   * @param {Renderer} renderer
   * @param {Quat} q
   * @param {Vec} center
   * @param {number[]} color
   */
  #box(renderer, q, center, color) {
    const corners = BOX.map((corner) => add(rotate(q, corner), center));
    for (const [a, b] of EDGES) renderer.line(corners[a], corners[b], color, 0.016);
    for (const [axis, shade] of AXES) renderer.line(center, add(rotate(q, axis), center), shade, 0.012);
  }

  /**
   * Follow the orientation of a board by its raw motion: the gyroscope turns it, gravity keeps it upright (Mahony).
   * The board's z is up here.
   * @param {Float32Array} values acceleration, rotation: counts
   * @param {number} timeMs
   */
  #feel(values, timeMs) {
    const seconds = this.#timeMs === null ? 0 : Math.min(0.2, Math.max(0, (timeMs - this.#timeMs) / 1000));
    this.#timeMs = timeMs;
    const board = (/** @type {number[]} */ [x, y, z]) => /** @type {Vec} */ ([x, z, -y]);
    const up = unit(board([...values.subarray(0, 3)]));
    const rate = board([...values.subarray(3, 6)].map((count) => ((count / COUNTS_A_DEGREE) * Math.PI) / 180));
    const [w, x, y, z] = this.#orientation;
    const expected = rotate([w, -x, -y, -z], [0, 1, 0]);
    const error = cross(up, expected);
    this.#orientation = turn(this.#orientation, add(rate, /** @type {Vec} */ (error.map((value) => 3 * value))), seconds);
  }
}

/**
 * Return where a landmark is in the scene, in metres; null where it is missing.
 * @param {typeof SETS[string]} set
 * @param {Float32Array} flat
 * @param {number} index
 * @returns {Vec | null}
 */
function place(set, flat, index) {
  const at = index * set.channels;
  const x = flat[at];
  const y = flat[at + 1];
  const z = set.flat ? 0 : flat[at + 2];
  if (Number.isNaN(x) || Number.isNaN(y)) return null;
  // Pictures have y down and begin at their upper left corner; metres begin between the hips.
  return set.metres ? [x, 1 - y, -z] : [(x - 0.5) * HEIGHT, (1 - y) * HEIGHT, -(z || 0) * HEIGHT * 0.5];
}

/** The poses of a room in space: one figure for each stream, a floor, and a camera. */

import { monotonicMs } from "/posewire/v1/client/posewire.js";
import { Camera } from "./camera.js";
import { Figure } from "./figures.js";
import { Renderer } from "./renderer.js";

/** A stream that has sent nothing for so long is pale, and gone after `GONE_MS`. */
const PALE_MS = 700;
const GONE_MS = 10_000;
const APART = 1.7;
/** Over so long of its own time the rate of a stream is taken: what was kept for who joins late comes all at once. */
const RATE_MS = 2000;
/** A publisher's clock may stand still: no more poses than these are counted. */
const MOST_COUNTED = 2000;
const COLORS = [
  [0.27, 0.78, 0.75],
  [1, 0.73, 0.32],
  [0.65, 0.6, 1],
  [0.98, 0.47, 0.55],
  [0.53, 0.84, 0.43],
  [0.45, 0.7, 1],
  [1, 0.58, 0.9],
  [0.86, 0.86, 0.5],
];

/** The color of the n-th stream, for style sheets. @param {number} index */
export const cssColor = (index) => `rgb(${COLORS[index % COLORS.length].map((part) => Math.round(255 * part)).join(" ")})`;

/** @typedef {import("/posewire/v1/client/poses/pose_streams.js").ReceivedPose} ReceivedPose */
/** @typedef {{figure: Figure, index: number, pose: ReceivedPose, times: number[]}} Shown */

export class Scene {
  /** `still`: what is shown does not grow old, as in a recording that is looked at. */
  options = { trails: true, together: false, still: false };
  frames = 0;
  /** @type {Map<string, Shown>} */
  #shown = new Map();
  #next = 0;
  #running = true;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    this.renderer = new Renderer(canvas);
    this.camera = new Camera(canvas);
    const frame = () => {
      if (!this.#running) return;
      this.#draw();
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  }

  /** Take a pose that has come. @param {ReceivedPose} pose */
  update(pose) {
    const key = `${pose.memberId}.${pose.stream}`;
    let shown = this.#shown.get(key);
    if (!shown || shown.pose.device !== pose.device) {
      const index = this.#next++;
      shown = { figure: new Figure(COLORS[index % COLORS.length]), index, pose, times: [] };
      this.#shown.set(key, shown);
    }
    shown.pose = pose;
    // A publisher that starts again, or whose clock runs over, begins anew.
    if (pose.timeMs < (shown.times.at(-1) ?? 0)) shown.times = [];
    shown.times.push(pose.timeMs);
    while (shown.times[0] <= pose.timeMs - RATE_MS || shown.times.length > MOST_COUNTED) shown.times.shift();
    shown.figure.update(pose);
  }

  /** What is shown, and how well it arrives. */
  streams() {
    const now = monotonicMs();
    return [...this.#shown.values()].map(({ index, pose, times }) => {
      const { packets, missing, undecodable, sets } = pose.count;
      return {
        index,
        device: pose.device,
        stream: pose.stream,
        sets,
        fps: now - pose.arrivedMs > RATE_MS ? 0 : (1000 * times.length) / RATE_MS,
        delayMs: pose.delayMs,
        silentMs: now - pose.arrivedMs,
        lost: (missing + undecodable) / Math.max(1, packets + missing),
      };
    });
  }

  /** Forget what is shown. */
  clear() {
    this.#shown.clear();
    this.#next = 0;
  }

  close() {
    this.#running = false;
    this.renderer.gl.getExtension("WEBGL_lose_context")?.loseContext();
  }

  #draw() {
    const { canvas, renderer, camera } = this;
    const ratio = Math.min(2, devicePixelRatio);
    const width = Math.round(canvas.clientWidth * ratio);
    const height = Math.round(canvas.clientHeight * ratio);
    if (!width || !height) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    this.#floor();
    const now = monotonicMs();
    const old = (/** @type {ReceivedPose} */ pose, /** @type {number} */ ms) => !this.options.still && now - pose.arrivedMs > ms;
    for (const [key, { pose }] of this.#shown) if (old(pose, GONE_MS)) this.#shown.delete(key);
    const all = [...this.#shown.values()];
    all.forEach(({ figure, pose }, place) => {
      const x = this.options.together ? 0 : (place - (all.length - 1) / 2) * APART;
      const opacity = old(pose, PALE_MS) ? 0.3 : 1;
      figure.draw(renderer, pose.values, [x, 0, 0], { trails: this.options.trails, opacity });
    });
    camera.fit(this.options.together ? APART : APART * Math.max(1, all.length), width / height);
    renderer.draw(camera.matrix(width / height), camera.focal);
    this.frames++;
  }

  #floor() {
    for (let i = -8; i <= 8; i++) {
      const color = [0.5, 0.62, 0.64, i ? 0.28 : 0.6];
      this.renderer.line([i / 2, 0, -4], [i / 2, 0, 4], color, 0.004);
      this.renderer.line([-4, 0, i / 2], [4, 0, i / 2], color, 0.004);
    }
  }
}

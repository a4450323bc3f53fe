/** A camera that goes round a point: with the mouse, fingers, the wheel and the keyboard. */

import { lookAt, multiply, perspective } from "./geometry.js";

const FOV = 0.85;

export class Camera {
  yaw = 0.35;
  pitch = 0.18;
  distance = 4.6;
  /** @type {import("./geometry.js").Vec} */
  target = [0, 1, 0];
  focal = 1 / Math.tan(FOV / 2);
  /** Whether somebody has moved it: then it stays where it is. */
  moved = false;

  /** @param {HTMLElement} element gets the events */
  constructor(element) {
    /** @type {Map<number, {x: number, y: number}>} */
    const fingers = new Map();
    element.addEventListener("pointerdown", (event) => {
      element.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    });
    element.addEventListener("pointermove", (event) => {
      const before = fingers.get(event.pointerId);
      if (!before) return;
      const now = { x: event.clientX, y: event.clientY };
      if (fingers.size === 2) {
        const [a, b] = [...fingers.values()];
        const apart = Math.hypot(a.x - b.x, a.y - b.y);
        fingers.set(event.pointerId, now);
        const [c, d] = [...fingers.values()];
        this.zoom(apart / Math.max(1, Math.hypot(c.x - d.x, c.y - d.y)));
        this.pan((now.x - before.x) / 2, (now.y - before.y) / 2, element.clientHeight);
      } else {
        fingers.set(event.pointerId, now);
        if (event.buttons & 2 || event.shiftKey) this.pan(now.x - before.x, now.y - before.y, element.clientHeight);
        else this.orbit(-0.008 * (now.x - before.x), 0.008 * (now.y - before.y));
      }
    });
    for (const name of ["pointerup", "pointercancel"]) {
      element.addEventListener(name, (event) => fingers.delete(/** @type {PointerEvent} */ (event).pointerId));
    }
    element.addEventListener("contextmenu", (event) => event.preventDefault());
    element.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.zoom(Math.exp(event.deltaY * 0.001));
      },
      { passive: false },
    );
    element.addEventListener("keydown", (event) => {
      /** @type {Record<string, () => void>} */
      const keys = {
        ArrowLeft: () => this.orbit(-0.1, 0),
        ArrowRight: () => this.orbit(0.1, 0),
        ArrowUp: () => this.orbit(0, 0.1),
        ArrowDown: () => this.orbit(0, -0.1),
        "+": () => this.zoom(0.9),
        "-": () => this.zoom(1.1),
        0: () => Object.assign(this, { yaw: 0.35, pitch: 0.18, target: [0, 1, 0], moved: false }),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    });
  }

  /**
   * @param {number} yaw
   * @param {number} pitch
   */
  orbit(yaw, pitch) {
    this.moved = true;
    this.yaw += yaw;
    this.pitch = Math.min(1.5, Math.max(-0.3, this.pitch + pitch));
  }

  /** @param {number} factor */
  zoom(factor) {
    this.moved = true;
    this.distance = Math.min(30, Math.max(0.6, this.distance * factor));
  }

  /**
   * @param {number} x
   * @param {number} y
   * @param {number} height of what they are parts of
   */
  pan(x, y, height) {
    const metres = (2 * this.distance * Math.tan(FOV / 2)) / height;
    this.target = [
      this.target[0] - x * metres * Math.cos(this.yaw),
      this.target[1] + y * metres,
      this.target[2] + x * metres * Math.sin(this.yaw),
    ];
  }

  /**
   * Go so far away that so many metres, side by side, are seen; slowly, and not where somebody has chosen the view.
   * @param {number} metres
   * @param {number} aspect
   */
  fit(metres, aspect) {
    if (this.moved) return;
    const wanted = Math.max(3.4, (0.75 * metres) / Math.tan(FOV / 2) / aspect + 1);
    this.distance += (wanted - this.distance) * 0.1;
  }

  /** @param {number} aspect */
  matrix(aspect) {
    const flat = Math.cos(this.pitch) * this.distance;
    const [x, y, z] = this.target;
    const eye = /** @type {const} */ ([
      x + flat * Math.sin(this.yaw),
      y + this.distance * Math.sin(this.pitch),
      z + flat * Math.cos(this.yaw),
    ]);
    return multiply(perspective(FOV, aspect, 0.1, 100), lookAt([...eye], this.target));
  }
}

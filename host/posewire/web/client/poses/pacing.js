/** Departure times at a steady rate, and a limit on the bytes a second. */

import { monotonicMs } from "../clock.js";

/** Bytes that a packet costs beside itself: the headers of a masked WebSocket frame and of frame protocol 3. */
export const WIRE_OVERHEAD = 6 + 4;

/** Steady departure times, `1 / rate` seconds apart. A late departure does not make the next ones early. */
export class Pacer {
  #next = 0;

  /** @param {number} rate a second */
  constructor(rate) {
    this.rate = rate;
  }

  /** Return the ms until the next departure; `take` counts it as taken. */
  pause() {
    return Math.max(0, this.#next - monotonicMs());
  }

  take() {
    const now = monotonicMs();
    const interval = 1000 / this.rate;
    if (this.#next < now - interval) this.#next = now;
    this.#next += interval;
  }
}

/** A token bucket over real bytes: what is sent is taken from it, afterwards; it may go below 0. */
export class ByteBudget {
  #level;
  #at = monotonicMs();

  /**
   * @param {number} kbitS the limit
   * @param {number} [burstMs] for so long it may be used ahead
   */
  constructor(kbitS, burstMs = 250) {
    this.bytesMs = kbitS / 8;
    this.most = this.bytesMs * burstMs;
    this.#level = this.most;
  }

  /** @param {number} bytes */
  take(bytes) {
    this.#fill();
    this.#level -= bytes;
  }

  /** Return the ms until something may be sent again. */
  pause() {
    this.#fill();
    return Math.max(0, -this.#level / this.bytesMs);
  }

  #fill() {
    const now = monotonicMs();
    this.#level = Math.min(this.most, this.#level + (now - this.#at) * this.bytesMs);
    this.#at = now;
  }
}

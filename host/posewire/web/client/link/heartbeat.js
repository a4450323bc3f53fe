/** Pings to the host: they find out that it is gone, and measure the way to it. */

import { ClockOffset, monotonicMs } from "../clock.js";
import { AnswerTimeoutError, ConfigError, HostUnreachableError } from "../errors.js";
import { onWaking } from "./waking.js";

/**
 * A ping is also a barrier: the host handles messages in order, so the answer to a ping that followed a message says
 * that the message was handled.
 */
export class Heartbeat {
  clock = new ClockOffset();
  #number = 0;
  /** @type {Map<number, {sent: number, done: () => void, lost: (reason: Error) => void}>} */
  #waiting = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  /** @type {number | null} */
  #unanswered = null;
  #stopWaking = () => {};

  /**
   * @param {number} intervalMs
   * @param {number} silenceMs
   * @param {(message: object) => void} send
   */
  constructor(intervalMs, silenceMs, send) {
    if (!(intervalMs > 0 && silenceMs > 0)) throw new ConfigError("heartbeatMs and silenceMs must be more than 0");
    this.intervalMs = intervalMs;
    this.silenceMs = silenceMs;
    this.send = send;
  }

  /**
   * Ping at the interval; `lost` is called with the reason when nothing came for too long after a ping. A page in the
   * background gets its timers late: so it is not the clock alone that tells, but a ping that had its time. When it is
   * seen again, or the network is back, it pings at once: what it believes may be long past.
   * @param {(reason: string) => void} lost
   */
  watch(lost) {
    this.#unanswered = null;
    const look = () => {
      const now = monotonicMs();
      if (this.#unanswered !== null && now - this.#unanswered >= this.silenceMs) {
        lost(`the host has sent nothing for ${Math.round(now - this.#unanswered)} ms`);
        return;
      }
      this.#unanswered ??= now;
      this.ping().catch(() => {});
    };
    this.#timer = setInterval(look, Math.min(this.intervalMs, this.silenceMs / 2));
    this.#stopWaking = onWaking(look);
  }

  /** Note that something has come. */
  received() {
    this.#unanswered = null;
  }

  /** Send a ping; the promise is fulfilled when its answer comes, and fails when the connection is lost before. */
  ping() {
    const number = ++this.#number;
    const answered = new Promise((resolve, reject) => {
      this.#waiting.set(number, { sent: Date.now(), done: () => resolve(undefined), lost: reject });
    });
    this.send({ type: "ping", id: number });
    return answered;
  }

  /**
   * Wait until the host has handled everything that was sent before.
   * @param {number} timeoutMs
   */
  async barrier(timeoutMs) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const late = new Promise((_, reject) => {
      timer = setTimeout(() => reject(new AnswerTimeoutError(timeoutMs)), timeoutMs);
    });
    try {
      await Promise.race([this.ping(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {Record<string, any>} message */
  onPong(message) {
    const found = this.#waiting.get(message.id);
    if (!found) return;
    this.#waiting.delete(message.id);
    this.clock.add(found.sent, Date.now(), typeof message.host_ms === "number" ? message.host_ms : null);
    found.done();
  }

  /**
   * Give up the pings that were not answered: the connection is gone.
   * @param {Error} [why] what a barrier throws then
   */
  lost(why = new HostUnreachableError("the connection was lost before the host answered")) {
    clearInterval(this.#timer);
    this.#stopWaking();
    const waiting = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { lost } of waiting) lost(why);
  }
}

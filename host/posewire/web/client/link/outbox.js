/** Messages that wait for the connection to come back, or for the host's confirmation. */

import { monotonicMs } from "../clock.js";
import { NotDeliveredError, QueueFullError } from "../errors.js";

export const CAPACITY = 100;
export const LIFETIME_MS = 30_000;

/** @typedef {{message: Record<string, any>, at: number, number: number | null}} Kept */

/** Keeps at most `CAPACITY` messages, each for `LIFETIME_MS`, in order. */
export class Outbox {
  /** Messages that were kept too long, and dropped. */
  expired = 0;
  /** @type {Kept[]} */
  #kept = [];

  get length() {
    return this.#kept.length;
  }

  /**
   * @param {Record<string, any>} message
   * @param {number | null} [number] of a message that the host confirms
   */
  keep(message, number = null) {
    this.#dropExpired();
    if (this.#kept.length >= CAPACITY) throw new QueueFullError(CAPACITY);
    this.#kept.push({ message, at: monotonicMs(), number });
  }

  /**
   * Drop the message with this number: the host has it.
   * @param {number} number
   */
  confirmed(number) {
    this.#kept = this.#kept.filter((kept) => kept.number !== number);
  }

  /** Return what is to be said again, in order; what needs no confirmation is no longer kept then. */
  toResend() {
    this.#dropExpired();
    const resend = this.#kept;
    this.#kept = resend.filter((kept) => kept.number !== null);
    return resend;
  }

  /** Drop all; returns an error that says how many were lost, null for none. */
  close() {
    const lost = this.#kept.length;
    this.#kept = [];
    return lost ? new NotDeliveredError(`${lost} messages were not delivered`, lost) : null;
  }

  #dropExpired() {
    const limit = monotonicMs() - LIFETIME_MS;
    const fresh = this.#kept.filter((kept) => kept.at >= limit);
    this.expired += this.#kept.length - fresh.length;
    this.#kept = fresh;
  }
}

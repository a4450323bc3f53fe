/** When a connection goes by another transport, and a record of how often it did. */

import { monotonicMs } from "../clock.js";
import { ConfigError } from "../errors.js";

const KEPT = 50;

/**
 * When the first of two transports is left, and when it is tried again.
 *
 * It is left when at least `share` of its last `window` probes have failed: one is sent every `intervalMs`, and has
 * failed when nothing at all has come for `patienceMs` after it (longer where the round trip is).
 * @typedef {object} FallbackPolicy
 * @property {number} share
 * @property {number} window
 * @property {number} intervalMs
 * @property {number} patienceMs
 * @property {number} probeMs how often a transport that was left is tried again
 * @property {number} replay frames that are kept, to be sent again by the other
 */

/** @type {Readonly<FallbackPolicy>} */
const DEFAULT = { share: 0.8, window: 5, intervalMs: 80, patienceMs: 200, probeMs: 30_000, replay: 100 };

/**
 * Complete a policy; throws RangeError where a value makes no sense.
 * @param {Partial<FallbackPolicy>} given
 * @returns {FallbackPolicy}
 */
export function fallbackPolicy(given) {
  const policy = { ...DEFAULT, ...given };
  const { share, window, intervalMs, patienceMs, probeMs, replay } = policy;
  if (!(share > 0 && share <= 1 && window >= 1 && replay >= 0))
    throw new ConfigError("share must be more than 0 and at most 1, window 1 or more, replay 0 or more");
  if (!(Math.min(intervalMs, patienceMs, probeMs) > 0))
    throw new ConfigError("intervalMs, patienceMs and probeMs must be more than 0");
  return policy;
}

/** The share of the last probes that have failed. */
export class FailureShare {
  /** @type {boolean[]} */
  #failed = [];

  /** @param {FallbackPolicy} policy */
  constructor(policy) {
    this.policy = policy;
  }

  /**
   * Note a probe; true: so many have failed that the transport is to be left.
   * @param {boolean} failed
   */
  note(failed) {
    const { share, window } = this.policy;
    this.#failed.push(failed);
    if (this.#failed.length > window) this.#failed.shift();
    return this.#failed.length >= window && this.#failed.filter(Boolean).length / window >= share;
  }
}

/**
 * One change of the transport.
 * @typedef {object} Switch
 * @property {number} at milliseconds since 1970
 * @property {string} before
 * @property {string} now
 * @property {string} cause
 * @property {number} afterMs how long the one before was in use
 * @property {number} replayed frames that were sent again
 */

/** The last 50 switches of a connection, over all of its sessions, and how long each transport was in use. */
export class SwitchLog {
  /** How many, by the transport that was switched to. @type {Record<string, number>} */
  counts = {};
  /** Attempts to use the first transport. */
  probes = { opened: 0, failed: 0 };
  /** @type {Switch[]} */
  #last = [];
  /** @type {Record<string, number>} */
  #usedMs = {};
  #using = "";
  #since = monotonicMs();

  /**
   * Note that a transport is in use from now on: a session has begun. Empty: none is.
   * @param {string} transport
   */
  using(transport) {
    this.#count();
    this.#using = transport;
  }

  /**
   * Note a switch, and return it.
   * @param {string} now
   * @param {string} cause
   * @param {number} [replayed]
   * @returns {Switch}
   */
  note(now, cause, replayed = 0) {
    const found = { at: Date.now(), before: this.#using, now, cause, afterMs: this.#count(), replayed };
    this.#using = now;
    this.counts[now] = (this.counts[now] ?? 0) + 1;
    this.#last.push(found);
    if (this.#last.length > KEPT) this.#last.shift();
    return found;
  }

  /** The last switches, how many there were, attempts to use the first transport, and for how long each was in use. */
  statistics() {
    this.#count();
    return {
      switches: [...this.#last],
      counts: { ...this.counts },
      probes: { ...this.probes },
      usedMs: { ...this.#usedMs },
    };
  }

  /** Add the time of the transport in use up to now; returns it. */
  #count() {
    const now = monotonicMs();
    const passed = now - this.#since;
    this.#since = now;
    if (this.#using) this.#usedMs[this.#using] = (this.#usedMs[this.#using] ?? 0) + passed;
    return passed;
  }
}

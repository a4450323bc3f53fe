/** Two transports of one session: poses that may be lost go by the first while it works, all else by the second. */

import { WireError } from "../errors.js";
import { monotonicMs } from "../clock.js";
import { ReplayBuffer } from "./replay_buffer.js";
import { FailureShare } from "./switches.js";

/** After a first attempt that has failed it is tried again after twice as long, then four times … */
const FIRST_PAUSE_MS = 500;
/** A timer that was later says that the page had no time: its probe tells nothing. */
const LATE_MS = 50;

/**
 * A transport on which messages may be lost.
 * @typedef {object} FirstTransport
 * @property {string} name
 * @property {Promise<string>} lost is fulfilled with the reason when it is gone
 * @property {number} heardMs when something came last, on the clock `monotonicMs`
 * @property {number} roundTripMs
 * @property {number} unsentBytes
 * @property {(frame: Uint8Array<ArrayBuffer>) => void} send throws where it is closed
 * @property {(patienceMs: number) => Promise<boolean>} probe whether the other side has answered in time
 * @property {() => void} close
 * @property {() => Record<string, any>} statistics
 */

/**
 * @typedef {object} FallbackOptions
 * @property {() => Promise<FirstTransport>} open opens the first; fails with WireError where the host refuses
 * @property {string} second the name of the second transport
 * @property {(frame: Uint8Array<ArrayBuffer>) => void} send sends by the second
 * @property {import("./switches.js").FallbackPolicy} policy
 * @property {import("./switches.js").SwitchLog} log
 * @property {(switched: import("./switches.js").Switch) => void} switched
 */

/**
 * Opens the first transport, and again whenever it was lost. When it fails, what was sent since the last key is said
 * again by the second, and all goes there until the first opens again: both are the same session of the host, which
 * drops what comes twice.
 */
export class Fallback {
  #options;
  #kept;
  #closed = false;
  /** @type {FirstTransport | null} */
  #first = null;
  /** Whether the first is to be tried again at once. */
  #soon = false;
  #wake = () => {};

  /**
   * @param {FallbackOptions} options
   * @param {boolean} [held] the first is not opened before `rollback` is called
   */
  constructor(options, held = false) {
    this.#options = options;
    /** Whether the page wants the second, whatever the first does. */
    this.held = held;
    this.#kept = new ReplayBuffer(options.policy.replay);
    options.log.using(options.second);
    this.#keepOpen();
  }

  /** Whether what may be lost goes by the first at this moment. */
  get lossy() {
    return this.#first !== null;
  }

  /** Bytes that the network has not taken yet, on the way that may lose them. */
  get unsentBytes() {
    return this.#first?.unsentBytes ?? 0;
  }

  /**
   * Send a frame by the transport that is right for it.
   * @param {Uint8Array<ArrayBuffer>} frame
   * @param {boolean} mayBeLost nobody needs it to decode another
   */
  send(frame, mayBeLost) {
    const first = this.#first;
    if (first) this.#kept.add(frame);
    if (!first || !mayBeLost) {
      this.#options.send(frame);
      return;
    }
    try {
      first.send(frame);
    } catch (error) {
      this.#leave(first, error instanceof Error ? error.message : String(error)); // the frame is among those said again
    }
  }

  /** Go back to the transport that was in use before, and stay there until this is called again. */
  rollback() {
    this.held = this.#first !== null;
    if (this.#first) this.#leave(this.#first, "rolled back");
    else {
      this.#soon = true;
      this.#wake();
    }
  }

  /** The first transport's counts (null: not in use), and the switches. */
  statistics() {
    return { first: this.#first?.statistics() ?? null, ...this.#options.log.statistics() };
  }

  /** Close the first for good. */
  close() {
    this.#closed = true;
    const first = this.#first;
    this.#first = null;
    this.#options.log.using("");
    first?.close();
    this.#wake();
  }

  #isClosed() {
    return this.#closed;
  }

  async #keepOpen() {
    const { policy, log } = this.#options;
    let cause = "opened";
    let pause = FIRST_PAUSE_MS;
    if (this.held) await this.#pause(pause);
    while (!this.#closed) {
      this.#soon = false;
      /** @type {FirstTransport | null} */
      let first = null;
      try {
        first = await this.#options.open();
      } catch (error) {
        if (this.#closed) return;
        log.probes.failed++;
        // A host that says no has its reasons; a packet that is lost is no reason to wait for long.
        pause = error instanceof WireError ? policy.probeMs : Math.min(2 * pause, policy.probeMs);
      }
      if (first && this.#isClosed()) first.close();
      else if (first) {
        log.probes.opened++;
        await this.#use(first, cause);
        cause = "works again";
        pause = policy.probeMs;
      }
      await this.#pause(pause);
    }
  }

  /** @param {number} ms */
  async #pause(ms) {
    if (this.#closed || this.#soon) return;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    await new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
      if (!this.held) timer = setTimeout(this.#wake, ms);
    });
    clearTimeout(timer);
  }

  /**
   * Use the first transport until it is left.
   * @param {FirstTransport} first
   * @param {string} cause
   */
  async #use(first, cause) {
    const { policy, log, switched } = this.#options;
    this.#first = first;
    first.lost.then((why) => this.#leave(first, why));
    const share = new FailureShare(policy);
    const timer = setInterval(() => this.#probe(first, share), policy.intervalMs);
    const left = new Promise((resolve) => (this.#wake = () => resolve(undefined)));
    switched(log.note(first.name, cause));
    await left;
    clearInterval(timer);
  }

  /**
   * Leave the first transport: what it may not have delivered is said again by the second, before all else.
   * @param {FirstTransport} first
   * @param {string} why
   */
  #leave(first, why) {
    if (this.#first !== first) return;
    this.#first = null;
    const frames = this.#kept.take();
    for (const frame of frames) this.#options.send(frame);
    first.close();
    this.#options.switched(this.#options.log.note(this.#options.second, why, frames.length));
    this.#wake();
  }

  /**
   * @param {FirstTransport} first
   * @param {FailureShare} share
   */
  async #probe(first, share) {
    const { policy } = this.#options;
    const began = monotonicMs();
    const patience = Math.max(policy.patienceMs, 3 * first.roundTripMs);
    const answered = await first.probe(patience);
    if (!answered && monotonicMs() - began > patience + LATE_MS) return;
    if (share.note(!answered && first.heardMs < began))
      this.#leave(first, `${Math.round(100 * policy.share)}% of its probes were not answered`);
  }
}

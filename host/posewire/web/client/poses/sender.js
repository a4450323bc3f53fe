/** Senders of poses: paced, bounded, never in the way of the page. */

import { monotonicMs, percentile } from "../clock.js";
import { ConfigError, PoseError } from "../errors.js";
import { POSE } from "../frames.js";
import { ByteBudget, Pacer, WIRE_OVERHEAD } from "./pacing.js";
import { PoseEncoder, landmarkSet } from "../pose.js";
import { readPose } from "./pose_input.js";

/** How far the sequence jumps when a stream gets other sets: more than what a decoder takes for lateness. */
const ANEW = 512;
const KEY = 0;
const LEAST_BUDGET = 24;
/** Unsent bytes of the socket from which on poses wait: a newer one takes the place of one that waits. */
const CONGESTED = 8 * 1024;
const LOOK_AGAIN_MS = 15;

/**
 * @typedef {object} SenderOptions
 * @property {string[]} [sets] names of the landmark sets; unless given, those of the poses
 * @property {number} [stream]
 * @property {number} [fps] at most so many poses a second, at even distances
 * @property {number} [every] only every so manieth pose that is given
 * @property {number | null} [maxKbitS] a limit on real bytes: poses become coarser first, then fewer
 * @property {"latest" | "ordered" | "reliable"} [qos]
 * @property {number} [capacity] how many may wait with `ordered`
 * @property {number} [layers]
 * @property {number} [keyEvery]
 * @property {number} [coarse]
 * @property {import("../pose.js").OneEuro | null} [smooth]
 */

/** @typedef {{sets: Record<string, Float32Array | null>, timeMs: number, at: number}} WaitingPose */

/** Sends one pose stream. `room.sender()` makes one; `send` never waits. */
export class PoseSender {
  /** What was not sent, by cause: `replaced` (by a newer one), `full`, `away` (the host), `paused`, `sampled`, `closed`. @type {Record<string, number>} */
  dropped = {};
  accepted = 0;
  sent = 0;
  bytes = 0;
  /** @type {PoseEncoder | null} */
  #encoder = null;
  /** @type {number | null} */
  #askedBytes = null;
  /** @type {WaitingPose[]} */
  #waiting = [];
  #given = 0;
  #paused = false;
  #closed = false;
  /** @type {ReturnType<typeof setTimeout> | null} */
  #timer = null;
  /** @type {number[]} */
  #latencies = [];
  /** @type {number[]} */
  #departures = [];
  #pacer;
  #budget;
  #stopListening;

  /**
   * @param {import("../connection.js").HostConnection} host
   * @param {SenderOptions} options
   */
  constructor(host, options) {
    const { sets = [], stream = 0, fps = 30, every = 1, maxKbitS = null, qos = "latest", capacity = 64, ...encoding } = options;
    check(options, { stream, fps, every, maxKbitS, qos, capacity });
    this.host = host;
    this.sets = sets;
    this.stream = stream;
    this.every = every;
    this.maxKbitS = maxKbitS;
    this.capacity = qos === "ordered" ? capacity : 1;
    this.encoding = { ...encoding, stream };
    this.acknowledged = qos === "reliable";
    this.#pacer = new Pacer(fps);
    this.#budget = maxKbitS === null ? null : new ByteBudget(maxKbitS);
    // What left before the loss may not have arrived.
    this.#stopListening = host.on("connected", () => this.requestKey());
  }

  /** The highest rate; it may be changed at any time. */
  get fps() {
    return this.#pacer.rate;
  }

  set fps(fps) {
    if (!(fps > 0)) throw new ConfigError("fps must be more than 0");
    this.#pacer.rate = fps;
  }

  /**
   * Give the sender a pose (`readPose`); returns whether it was accepted: false while the host is away.
   * @param {import("./pose_input.js").PoseParts | Record<string, any>} pose
   * @param {number} [timeMs] when it was, on any clock that does not run backwards; now unless given
   */
  send(pose, timeMs) {
    const sets = readPose(pose);
    if (timeMs !== undefined && !Number.isFinite(timeMs)) throw new PoseError("timeMs must be a number of milliseconds");
    const unknown = Object.keys(sets).filter((name) => this.sets.length && !this.sets.includes(name));
    if (unknown.length) throw new PoseError(`this sender's sets are ${this.sets}, not ${unknown}`);
    if (this.#given++ % this.every) return this.#drop("sampled");
    if (this.#closed) return this.#drop("closed");
    if (this.#paused) return this.#drop("paused");
    if (!this.host.connected) return this.#drop("away");
    this.accepted++;
    const at = monotonicMs();
    while (this.#waiting.length >= this.capacity) {
      this.#waiting.shift();
      this.#drop(this.capacity === 1 ? "replaced" : "full");
    }
    this.#waiting.push({ sets, timeMs: timeMs ?? at, at });
    this.#let();
    return true;
  }

  /** Send nothing until `resume`; what is given meanwhile is dropped. */
  pause() {
    this.#paused = true;
    this.#waiting = [];
  }

  resume() {
    this.#paused = false;
  }

  /** Whether it was ended. */
  get stopped() {
    return this.#closed;
  }

  /** Make the next packet one that decodes alone. */
  requestKey() {
    this.#encoder?.requestKey();
  }

  /**
   * Take a control packet of a receiver: a key request, an acknowledgement, a byte budget.
   * @param {Uint8Array} packet
   */
  control(packet) {
    if (!this.#encoder) return;
    this.#encoder.budget = this.#askedBytes;
    this.#encoder.control(packet);
    this.#askedBytes = this.#encoder.budget;
  }

  /** Counts since the start, the rate of the last two seconds, and ms from `send` to the network. */
  statistics() {
    const since = monotonicMs() - 2000;
    const latencyMs = {
      p50: percentile(this.#latencies, 0.5),
      p95: percentile(this.#latencies, 0.95),
      p99: percentile(this.#latencies, 0.99),
    };
    const fps = this.#departures.filter((at) => at > since).length / 2;
    const { accepted, sent, bytes } = this;
    return {
      accepted,
      sent,
      bytes,
      fps,
      latencyMs,
      dropped: { ...this.dropped },
      waiting: this.#waiting.length,
      coarse: this.#encoder?.coarse ?? 0,
    };
  }

  /** End the sender. */
  stop() {
    this.#closed = true;
    this.#waiting = [];
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#stopListening();
  }

  /** Let out what may leave; come back for the rest. */
  #let() {
    if (this.#timer !== null) return;
    while (this.#waiting.length) {
      let pause = Math.max(this.#pacer.pause(), this.#budget?.pause() ?? 0);
      if (this.host.unsentBytes > CONGESTED) pause = Math.max(pause, LOOK_AGAIN_MS);
      // A browser's timers are a few ms late: a pose that is due within 2 ms goes.
      if (pause > 2) {
        this.#timer = setTimeout(() => {
          this.#timer = null;
          this.#let();
        }, pause - 1);
        return;
      }
      this.#depart(/** @type {WaitingPose} */ (this.#waiting.shift()));
    }
  }

  /** @param {WaitingPose} pose */
  #depart(pose) {
    this.#pacer.take();
    const encoder = this.#encoderFor(Object.keys(pose.sets));
    const budgets = this.#askedBytes ? [this.#askedBytes] : [];
    if (this.maxKbitS !== null)
      budgets.push(Math.max(LEAST_BUDGET, Math.floor((this.maxKbitS * 125) / this.fps) - WIRE_OVERHEAD));
    encoder.budget = budgets.length ? Math.min(...budgets) : null;
    const packet = encoder.encode(pose.sets, pose.timeMs);
    // Each refers to one that has arrived: all but keys may be lost.
    this.host.sendFrame(POSE, packet, 0, encoder.acknowledged && ((packet[0] >> 2) & 7) !== KEY);
    const now = monotonicMs();
    this.#budget?.take(packet.length + WIRE_OVERHEAD);
    this.sent++;
    this.bytes += packet.length + 4;
    this.#latencies.push(now - pose.at);
    this.#departures.push(now);
    if (this.#latencies.length > 512) this.#latencies.shift();
    if (this.#departures.length > 512) this.#departures.shift();
  }

  /**
   * The stream's encoder; another where a pose has sets that were not there before, or the way became another: on one
   * that loses packets, poses are coded against those that have arrived.
   * @param {string[]} names
   */
  #encoderFor(names) {
    const known = this.#encoder ? this.#encoder.sets.map((set) => set.name) : this.sets;
    const fresh = names.filter((name) => !known.includes(name));
    const acknowledged = this.acknowledged || this.host.lossy;
    if (!this.#encoder || fresh.length || this.#encoder.acknowledged !== acknowledged) {
      const sequence = this.#encoder ? this.#encoder.seq + ANEW : 0;
      this.#encoder = new PoseEncoder(
        [...known, ...fresh].map((name) => landmarkSet(name)),
        { ...this.encoding, ...(acknowledged ? { acknowledged, layers: 1 } : {}), sequence },
      );
    }
    return this.#encoder;
  }

  /** @param {string} cause */
  #drop(cause) {
    this.dropped[cause] = (this.dropped[cause] ?? 0) + 1;
    return false;
  }
}

/**
 * Look at what a sender is to do; throws RangeError where that cannot be.
 * @param {SenderOptions} options
 * @param {{stream: number, fps: number, every: number, maxKbitS: number | null, qos: string, capacity: number}} used
 */
function check({ layers = 1, coarse = 0, keyEvery = 0 }, { stream, fps, every, maxKbitS, qos, capacity }) {
  if (!(fps > 0 && (maxKbitS === null || maxKbitS > 0) && every >= 1 && capacity >= 1))
    throw new ConfigError("fps and maxKbitS must be more than 0, every and capacity 1 or more");
  if (!["latest", "ordered", "reliable"].includes(qos))
    throw new ConfigError(`qos must be "latest", "ordered" or "reliable", not "${qos}"`);
  if (![1, 2].includes(layers) || !(stream >= 0 && stream <= 255 && coarse >= 0 && coarse <= 7 && keyEvery >= 0))
    throw new ConfigError("layers must be 1 or 2, stream 0 to 255, coarse 0 to 7, keyEvery 0 or more");
  if (layers === 2 && qos === "reliable") throw new ConfigError('qos "reliable" has one layer: each pose refers to one that has arrived');
}

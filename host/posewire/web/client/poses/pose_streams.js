/** The pose streams of a room: a decoder for each, what was received of it, and what its publisher is asked for. */

import { PoseError } from "../errors.js";
import { PoseDecoder } from "../pose.js";

const KEY = 0;
const CONTROL = 7;
const RESTART_JUMP = 256;
/** After so long a key that has not come is asked for again: the request, or the key, may be lost. */
const ASK_AGAIN_MS = 1000;
/** So long a stream may not decode where packets are lost and overtaken, before a key is asked for. */
const PATIENCE_MS = 150;
/** Over so long the fastest packet is looked for: clocks drift. */
const WINDOW_MS = 10_000;

/**
 * What was received of one stream; `missing`: packets that the sequence lacks, `undecodable`: that did not decode.
 * @typedef {object} StreamCount
 * @property {string[]} sets
 * @property {number} packets
 * @property {number} bytes
 * @property {number} missing
 * @property {number} undecodable
 * @property {number | null} lastSequence
 */

/**
 * A pose of another member.
 * @typedef {object} ReceivedPose
 * @property {number} memberId
 * @property {string} device
 * @property {number} stream
 * @property {number} sequence
 * @property {number} timeMs when it was, on the publisher's clock
 * @property {Record<string, Float32Array>} values by landmark set: (landmarks x channels), NaN where one is missing
 * @property {number} packetBytes
 * @property {number} delayMs how much longer it was on its way than the fastest packet of the stream in the last seconds
 * @property {number} arrivedMs on the clock `monotonicMs`
 * @property {StreamCount} count of its stream up to it
 */

class Delay {
  /** @type {number | null} */
  #fastest = null;
  /** @type {number | null} */
  #before = null;
  #windowEnds = 0;

  /**
   * The milliseconds beyond the fastest packet of this window and the one before.
   * @param {number} timeMs
   * @param {number} arrivedMs
   */
  of(timeMs, arrivedMs) {
    const way = arrivedMs - timeMs;
    if (arrivedMs >= this.#windowEnds) {
      this.#before = this.#fastest;
      this.#fastest = null;
      this.#windowEnds = arrivedMs + WINDOW_MS;
    }
    this.#fastest = Math.min(way, this.#fastest ?? way);
    const delay = way - Math.min(this.#fastest, this.#before ?? way);
    if (delay < 2 ** 31) return delay;
    // The publisher's clock is modulo 2^32 ms: when it runs over, the window begins anew.
    this.#fastest = way;
    this.#before = null;
    return 0;
  }
}

/** @typedef {{decoder: PoseDecoder, count: StreamCount, keyAsked: number | null, failingSince: number | null, delay: Delay}} Stream */

/** Decodes the pose packets of a room's members. A packet that does not decode is a gap: a key is asked for. */
export class PoseStreams {
  /** @type {Map<string, Stream>} */
  #streams = new Map();

  /**
   * @param {(memberId: number, packet: Uint8Array) => void} ask sends a control packet to a publisher
   * @param {boolean} [acknowledge] tell publishers which reference frames arrived
   */
  constructor(ask, acknowledge = false) {
    this.ask = ask;
    this.acknowledge = acknowledge;
  }

  /**
   * Drop the streams of a member who has left.
   * @param {number} memberId
   */
  forget(memberId) {
    for (const key of this.#streams.keys()) if (key.startsWith(`${memberId}.`)) this.#streams.delete(key);
  }

  /**
   * Decode a packet of a member; null where it holds no pose, or does not decode.
   * @param {number} memberId
   * @param {string} device
   * @param {Uint8Array} packet
   * @param {number} arrivedMs
   * @returns {ReceivedPose | null}
   */
  decode(memberId, device, packet, arrivedMs) {
    const kind = (packet[0] >> 2) & 7;
    if (packet.length < 4 || packet[0] >> 5 !== 1 || kind === CONTROL) return null;
    const number = packet[1];
    const sequence = (packet[2] << 8) | packet[3];
    const key = `${memberId}.${number}`;
    let stream = this.#streams.get(key);
    if (!stream) {
      const count = { sets: [], packets: 0, bytes: 0, missing: 0, undecodable: 0, lastSequence: null };
      stream = { decoder: new PoseDecoder({ stream: number }), count, keyAsked: null, failingSince: null, delay: new Delay() };
      this.#streams.set(key, stream);
    }
    const { count, decoder } = stream;
    if (count.lastSequence !== null) {
      const gap = (sequence - count.lastSequence - 1) & 0xffff;
      // A publisher that starts again jumps (docs/pose-packet.md section 8), and one that is late is no gap.
      if (gap < 0x8000 && (kind !== KEY || gap < RESTART_JUMP)) count.missing += gap;
    }
    if (count.lastSequence === null || ((sequence - count.lastSequence) & 0xffff) < 0x8000) count.lastSequence = sequence;
    count.packets++;
    count.bytes += packet.length;
    let frame;
    try {
      frame = decoder.decode(packet, arrivedMs);
    } catch (error) {
      if (!(error instanceof PoseError)) throw error;
      count.undecodable++;
      stream.failingSince ??= arrivedMs;
      const patience = this.acknowledge ? PATIENCE_MS : 0;
      const due = arrivedMs - stream.failingSince >= patience;
      if (decoder.needsKey && due && (stream.keyAsked === null || arrivedMs - stream.keyAsked > ASK_AGAIN_MS)) {
        stream.keyAsked = arrivedMs;
        this.ask(memberId, decoder.keyRequest());
      }
      return null;
    }
    if (!frame) return null;
    stream.keyAsked = stream.failingSince = null;
    count.sets = Object.keys(frame.values);
    const ack = this.acknowledge && frame.layer === 0 ? decoder.ack() : null;
    if (ack) this.ask(memberId, ack);
    return {
      memberId,
      device,
      stream: number,
      sequence,
      timeMs: frame.timeMs,
      values: frame.values,
      packetBytes: packet.length,
      delayMs: stream.delay.of(frame.timeMs, arrivedMs),
      arrivedMs,
      count: { ...count },
    };
  }
}

/** The last frames of each pose stream, from its last key on: what another transport needs to go on. */

import { FrameError } from "../errors.js";
import { POSE, parseFrame } from "../frames.js";

const KEY = 0;
const CONTROL = 7;

/**
 * Keeps at most `capacity` frames, in the order of sending, and of each stream only what follows its last key. A
 * stream whose key is no longer among them is not said again: its deltas would be of no use.
 */
export class ReplayBuffer {
  /** @type {{stream: number, isKey: boolean, frame: Uint8Array<ArrayBuffer>}[]} */
  #frames = [];

  /** @param {number} capacity */
  constructor(capacity) {
    this.capacity = capacity;
  }

  /**
   * Keep a frame that was sent; what is no pose of this page is left aside.
   * @param {Uint8Array<ArrayBuffer>} frame
   */
  add(frame) {
    const packet = posePacket(frame);
    if (!packet) return;
    const kind = (packet[0] >> 2) & 7;
    if (packet[0] >> 5 !== 1 || kind === CONTROL) return;
    const [stream, isKey] = [packet[1], kind === KEY];
    if (isKey) this.#frames = this.#frames.filter((kept) => kept.stream !== stream);
    this.#frames.push({ stream, isKey, frame });
    if (this.#frames.length > this.capacity) this.#frames.shift();
  }

  /** Take out what is to be sent again: of each stream its last key, and what followed it. */
  take() {
    /** @type {Set<number>} */
    const withKey = new Set();
    const taken = [];
    for (const { stream, isKey, frame } of this.#frames) {
      if (isKey) withKey.add(stream);
      if (withKey.has(stream)) taken.push(frame);
    }
    this.#frames = [];
    return taken;
  }
}

/**
 * The pose packet of this page in a frame; null where there is none.
 * @param {Uint8Array} frame
 */
function posePacket(frame) {
  try {
    const { type, memberId, payload } = parseFrame(frame);
    return type === POSE && !memberId && payload.length >= 4 ? payload : null;
  } catch (error) {
    if (error instanceof FrameError) return null;
    throw error;
  }
}

/** Frames of audio, encoded and decoded: `pcm` and `ima-adpcm` (docs/wire.md section 4). */

import { FrameError } from "../errors.js";

/**
 * One direction's audio, as it is on the wire.
 * @typedef {object} AudioParams
 * @property {string} format
 * @property {number} sample_rate in Hz
 * @property {number} channels
 * @property {number} frame_duration in ms
 */

/** What a page sends and takes unless it asks for something else. @type {AudioParams} */
export const PCM = { format: "pcm", sample_rate: 16000, channels: 1, frame_duration: 60 };

/**
 * Return the number of samples in one frame.
 * @param {AudioParams} params
 */
export const frameSamples = (params) => Math.floor((params.sample_rate * params.frame_duration) / 1000);

/**
 * Return a function from the samples of one frame to its bytes; throws FrameError for a format that is not here.
 * @param {AudioParams} params
 * @returns {(samples: Int16Array) => Uint8Array}
 */
export function frameEncoder({ format }) {
  if (format === "pcm") return encodePcm;
  if (format === "ima-adpcm") {
    const encoder = new AdpcmEncoder();
    return (samples) => encoder.encode(samples);
  }
  throw new FrameError(`this client has no ${format}: ask for pcm or ima-adpcm`);
}

/**
 * Return a function from the bytes of one frame to its samples.
 * @param {AudioParams} params
 * @returns {(frame: Uint8Array) => Int16Array}
 */
export function frameDecoder({ format }) {
  if (format === "pcm") return decodePcm;
  if (format === "ima-adpcm") return decodeAdpcm;
  throw new FrameError(`this client has no ${format}: ask for pcm or ima-adpcm`);
}

/** @param {Int16Array} samples */
function encodePcm(samples) {
  const frame = new Uint8Array(2 * samples.length);
  const view = new DataView(frame.buffer);
  samples.forEach((sample, i) => view.setInt16(2 * i, sample, true));
  return frame;
}

/** @param {Uint8Array} frame */
function decodePcm(frame) {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  return Int16Array.from({ length: frame.length >> 1 }, (_, i) => view.getInt16(2 * i, true));
}

const STEPS = [
  7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 19, 21, 23, 25, 28, 31, 34, 37, 41, 45, 50, 55, 60, 66, 73, 80, 88, 97, 107, 118, 130, 143,
  157, 173, 190, 209, 230, 253, 279, 307, 337, 371, 408, 449, 494, 544, 598, 658, 724, 796, 876, 963, 1060, 1166, 1282, 1411,
  1552, 1707, 1878, 2066, 2272, 2499, 2749, 3024, 3327, 3660, 4026, 4428, 4871, 5358, 5894, 6484, 7132, 7845, 8630, 9493, 10442,
  11487, 12635, 13899, 15289, 16818, 18500, 20350, 22385, 24623, 27086, 29794, 32767,
];
const MOVES = [-1, -1, -1, -1, 2, 4, 6, 8];

/** The state of an IMA-ADPCM coder: what it predicts, and the index of its step. */
class Adpcm {
  predictor = 0;
  index = 0;

  /** Take a nibble; returns the sample. @param {number} nibble */
  take(nibble) {
    const step = STEPS[this.index];
    let size = step >> 3;
    if (nibble & 4) size += step;
    if (nibble & 2) size += step >> 1;
    if (nibble & 1) size += step >> 2;
    this.predictor = Math.min(32767, Math.max(-32768, this.predictor + (nibble & 8 ? -size : size)));
    this.index = Math.min(STEPS.length - 1, Math.max(0, this.index + MOVES[nibble & 7]));
    return this.predictor;
  }
}

/** Encodes the frames of one stream; the predictor runs on from frame to frame. */
export class AdpcmEncoder {
  #coder = new Adpcm();

  /** @param {Int16Array} samples */
  encode(samples) {
    const frame = new Uint8Array(4 + Math.ceil(samples.length / 2));
    const view = new DataView(frame.buffer);
    view.setInt16(0, this.#coder.predictor, true);
    view.setUint8(2, this.#coder.index);
    for (let i = 0; i < samples.length; i++) frame[4 + (i >> 1)] |= this.#nibble(samples[i]) << (i & 1 ? 4 : 0);
    return frame;
  }

  /** @param {number} sample */
  #nibble(sample) {
    let step = STEPS[this.#coder.index];
    let difference = sample - this.#coder.predictor;
    let nibble = 0;
    if (difference < 0) {
      nibble = 8;
      difference = -difference;
    }
    if (difference >= step) {
      nibble |= 4;
      difference -= step;
    }
    step >>= 1;
    if (difference >= step) {
      nibble |= 2;
      difference -= step;
    }
    if (difference >= step >> 1) nibble |= 1;
    this.#coder.take(nibble);
    return nibble;
  }
}

/**
 * Decode one frame: two samples a byte after the header.
 * @param {Uint8Array} frame
 */
export function decodeAdpcm(frame) {
  if (frame.length < 4) throw new FrameError(`an ima-adpcm frame must have a 4-byte header; got ${frame.length} bytes`);
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const coder = new Adpcm();
  coder.predictor = view.getInt16(0, true);
  coder.index = view.getUint8(2);
  if (coder.index >= STEPS.length) throw new FrameError(`the step index of an ima-adpcm frame must be at most 88; got ${coder.index}`);
  const samples = new Int16Array(2 * (frame.length - 4));
  for (let i = 0; i < samples.length; i++) samples[i] = coder.take((frame[4 + (i >> 1)] >> (i & 1 ? 4 : 0)) & 15);
  return samples;
}

/** Binary frames of frame protocol 3, which browsers use, and of the two older ones (docs/wire.md section 3). */

import { FrameError } from "./errors.js";

export const AUDIO = 0;
export const JSON_MESSAGE = 1;
export const POSE = 16;
/** On a data channel only: the host sends it back. */
export const PROBE = 17;

/**
 * @typedef {object} Frame
 * @property {number} type
 * @property {Uint8Array} payload
 * @property {number} memberId the room member it comes from; 0: the host itself
 * @property {number} timestampMs of protocol 2, else 0
 */

/**
 * Parse one binary message; throws FrameError.
 * @param {Uint8Array} message
 * @param {number} [protocol]
 * @returns {Frame}
 */
export function parseFrame(message, protocol = 3) {
  if (protocol === 1) return { type: AUDIO, payload: message, memberId: 0, timestampMs: 0 };
  const header = protocol === 3 ? 4 : 16;
  if (message.length < header) {
    throw new FrameError(`a protocol ${protocol} frame has a ${header}-byte header; got ${message.length} bytes`);
  }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  if (protocol === 2 && view.getUint16(0) !== 2) {
    throw new FrameError(`the version field of a protocol 2 frame must be 2; got ${view.getUint16(0)}`);
  }
  const size = protocol === 3 ? view.getUint16(2) : view.getUint32(12);
  if (size !== message.length - header) {
    throw new FrameError(`the frame announces ${size} payload bytes; ${message.length - header} follow`);
  }
  const payload = message.subarray(header);
  return protocol === 3
    ? { type: message[0], payload, memberId: message[1], timestampMs: 0 }
    : { type: view.getUint16(2), payload, memberId: message[7], timestampMs: view.getUint32(8) };
}

/**
 * Build the binary message for one frame; throws FrameError.
 * @param {number} type
 * @param {Uint8Array} payload
 * @param {number} [memberId] of the publisher, for a control packet; 0 for one's own frames
 * @param {number} [protocol]
 * @param {number} [timestampMs]
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function buildFrame(type, payload, memberId = 0, protocol = 3, timestampMs = 0) {
  if (protocol === 1) {
    if (type !== AUDIO || memberId) throw new FrameError("frame protocol 1 carries only the peer's own audio");
    return new Uint8Array(payload);
  }
  const header = protocol === 3 ? 4 : 16;
  if (protocol === 3 && payload.length > 0xffff) {
    throw new FrameError(`a protocol 3 payload must be at most 65535 bytes; got ${payload.length}`);
  }
  const message = new Uint8Array(header + payload.length);
  const view = new DataView(message.buffer);
  if (protocol === 3) {
    view.setUint8(0, type);
    view.setUint8(1, memberId);
    view.setUint16(2, payload.length);
  } else {
    view.setUint16(0, 2);
    view.setUint16(2, type);
    view.setUint32(4, memberId);
    view.setUint32(8, timestampMs >>> 0);
    view.setUint32(12, payload.length);
  }
  message.set(payload, header);
  return message;
}

/** The fields of a packet: lengths, masks, descriptors, blocks, the check at its end. */

import { PoseError } from "../errors.js";
import { CONTROL, CUSTOM_ID, KEY, KIND_DELTA, QUAT_ID, REPEAT, RESTART, SNAPSHOT } from "./constants.js";
import { makeSet } from "./sets.js";

const CRC = new Int32Array(256);
for (let m = 0; m < 256; m++) {
  let c = m;
  for (let k = 0; k < 8; k++) c = c & 1 ? (c >>> 1) ^ 0xedb88320 : c >>> 1;
  CRC[m] = c;
}

export function crc32(bytes, start, end, seed) {
  let c = ~seed;
  for (let i = start; i < end; i++) c = CRC[(c ^ bytes[i]) & 255] ^ (c >>> 8);
  return ~c >>> 0;
}

export function putVarint(v) {
  const out = [];
  for (; v > 127; v >>= 7) out.push((v & 127) | 128);
  out.push(v);
  return out;
}

export function getVarint(data, pos, end) {
  let v = 0;
  for (let shift = 0; shift < 21 && pos < end; shift += 7) {
    const b = data[pos++];
    v |= (b & 127) << shift;
    if (b < 128) return [v, pos];
  }
  throw new PoseError("a length does not end");
}

export function putMask(flags) {
  const out = new Array((flags.length + 7) >> 3).fill(0);
  flags.forEach((f, i) => {
    if (f) out[i >> 3] |= 1 << (i & 7);
  });
  return out;
}

export function getMask(count, data, pos, end) {
  const size = (count + 7) >> 3;
  if (pos + size > end) throw new PoseError("a mask is cut");
  return [Array.from({ length: count }, (_, i) => (data[pos + (i >> 3)] >> (i & 7)) & 1), pos + size];
}

export function putDescriptor(spec) {
  const out = [spec.channels, ...spec.bits.map((b) => b & 255)];
  if (spec.quat) out.push(spec.landmarks);
  if (spec.id === CUSTOM_ID) {
    out.push(...putVarint(spec.landmarks));
    spec.parents.forEach((p, i) => out.push(...putVarint(p < 0 ? 0 : i - p)));
  }
  return out;
}

export function getDescriptor(id, data, pos, end) {
  if (pos >= end || data[pos] < 1 || data[pos] > 8 || pos + 1 + data[pos] > end) throw new PoseError("the descriptor is cut");
  const count = data[pos], bits = Array.from(data.subarray(pos + 1, pos + 1 + count), (b) => (b << 24) >> 24);
  pos += 1 + count;
  let landmarks = 0, parents = [];
  if (id === QUAT_ID) {
    if (pos >= end) throw new PoseError("the descriptor is cut");
    landmarks = data[pos++];
  } else if (id === CUSTOM_ID) {
    [landmarks, pos] = getVarint(data, pos, end);
    if (landmarks < 1 || landmarks > 1000) throw new PoseError("a custom set of the wrong size");
    for (let i = 0; i < landmarks; i++) {
      let back;
      [back, pos] = getVarint(data, pos, end);
      parents.push(back ? i - back : -1);
      if (parents[i] < -1) throw new PoseError("a parent lies before the first landmark");
    }
  }
  const spec = makeSet(id, landmarks, bits, parents), stop = pos + spec.coded;
  if (stop > end || data.subarray(pos, stop).some((g) => g > 47)) throw new PoseError("gains are cut or out of range");
  return [spec, Array.from(data.subarray(pos, stop)), stop];
}

export const put16 = (v) => [(v >> 8) & 255, v & 255];
export const put32 = (v) => [(v >>> 24) & 255, (v >>> 16) & 255, (v >>> 8) & 255, v & 255];
export const get32 = (b, at) => ((b[at] << 24) | (b[at + 1] << 16) | (b[at + 2] << 8) | b[at + 3]) >>> 0;

export function seal(bytes, seed) {
  const check = crc32(bytes, 0, bytes.length, seed);
  return [Uint8Array.from([...bytes, ...put32(check)]), check];
}

/** A control packet: a key request (1), an acknowledgement (2), or a budget of `bytes` a packet (3; 0: none). */
export function control(what, stream, sequence, bytes) {
  return seal([(1 << 5) | (CONTROL << 2), stream, ...put16(sequence), what, ...(what === 3 ? put16(bytes) : [])], 0)[0];
}

export const HEADER = { [KEY]: 8, [KIND_DELTA]: 7, [REPEAT]: 7, [SNAPSHOT]: 12, [RESTART]: 13 };

export function getBlocks(packet, pos, end) {
  const out = [];
  while (pos < end) {
    if (pos + 2 > end) throw new PoseError("a block is cut");
    const id = packet[pos], flags = packet[pos + 1];
    let size;
    [size, pos] = getVarint(packet, pos + 2, end);
    if (pos + size > end || out.some((b) => b.id === id)) throw new PoseError("a block is cut or comes twice");
    out.push({ id, flags, start: pos, end: pos + size });
    pos += size;
  }
  return out;
}

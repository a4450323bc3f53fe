/** Recordings of a room, as `posewire record` writes them (docs/rooms.md): made from a room, and read again. */

import { WireError } from "../errors.js";
import { AUDIO, POSE } from "../frames.js";
import { followMembers } from "./members.js";
import { PoseStreams } from "../poses/pose_streams.js";

const MAGIC = "PWREC1\r\n";
const EVENT = 1;
const HEAD = 14;
const CHECK = 4;
const MAX_PAYLOAD = 1 << 20;

/** @typedef {import("../poses/pose_streams.js").ReceivedPose} ReceivedPose */

/**
 * @typedef {object} Record
 * @property {number} timeMs since the recording began
 * @property {number} kind 1: an event (JSON), 0: audio, 16: pose
 * @property {number} memberId 0 for events
 * @property {Uint8Array} payload
 */

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = CRC_TABLE[(value ^ byte) & 0xff] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

/**
 * @param {Record} record
 * @returns {Uint8Array<ArrayBuffer>}
 */
export function packRecord({ timeMs, kind, memberId, payload }) {
  const bytes = new Uint8Array(HEAD + payload.length + CHECK);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, payload.length, true);
  view.setBigUint64(4, BigInt(Math.round(timeMs * 1000)), true);
  view.setUint8(12, kind);
  view.setUint8(13, memberId);
  bytes.set(payload, HEAD);
  view.setUint32(HEAD + payload.length, crc32(bytes.subarray(0, HEAD + payload.length)), true);
  return bytes;
}

/**
 * Read a recording; it ends at the first record that is cut short or does not check. Throws WireError for another file.
 * @param {Uint8Array} bytes
 * @returns {Generator<Record, void, void>}
 */
export function* readRecords(bytes) {
  if (new TextDecoder("latin1").decode(bytes.subarray(0, MAGIC.length)) !== MAGIC)
    throw new WireError("this is not a recording of a room");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = MAGIC.length; at + HEAD + CHECK <= bytes.length;) {
    const size = view.getUint32(at, true);
    const end = at + HEAD + size;
    if (size > MAX_PAYLOAD || end + CHECK > bytes.length || crc32(bytes.subarray(at, end)) !== view.getUint32(end, true)) return;
    yield {
      timeMs: Number(view.getBigUint64(at + 4, true)) / 1000,
      kind: bytes[at + 12],
      memberId: bytes[at + 13],
      payload: bytes.subarray(at + HEAD, end),
    };
    at = end + CHECK;
  }
}

/** Records a room from now on: `stop` returns the file. It sees what the page has subscribed to. */
export class Recorder {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  #parts = [new TextEncoder().encode(MAGIC)];
  #began = performance.now();
  #stop;
  frames = 0;
  bytes = 0;

  /** @param {import("./room.js").Room} room */
  constructor(room) {
    this.room = room;
    this.#event({ recording: 1, room: room.name, began: Date.now() / 1000 });
    const members = [...room.members.values()].map(({ memberId, device, role, publish, away, audio }) => ({
      member_id: memberId,
      device,
      role,
      publish,
      ...(away ? { away } : {}),
      ...(audio ? { audio } : {}),
    }));
    this.#event({
      type: "room",
      event: "welcome",
      room: room.name,
      member_id: room.memberId,
      role: room.role,
      locked: room.locked,
      members,
    });
    this.#stop = [
      room.on("event", (event) => this.#event(event)),
      room.on("frame", ({ type, memberId, payload }) => {
        this.frames++;
        this.#add(type, memberId, payload);
      }),
    ];
    room.askKeys();
  }

  get seconds() {
    return (performance.now() - this.#began) / 1000;
  }

  /** End, and return the file. */
  stop() {
    for (const end of this.#stop) end();
    return new Blob(this.#parts, { type: "application/octet-stream" });
  }

  /** @param {object} event */
  #event(event) {
    this.#add(EVENT, 0, new TextEncoder().encode(JSON.stringify(event)));
  }

  /**
   * @param {number} kind
   * @param {number} memberId
   * @param {Uint8Array} payload
   */
  #add(kind, memberId, payload) {
    const record = packRecord({ timeMs: performance.now() - this.#began, kind, memberId, payload });
    this.#parts.push(record);
    this.bytes += record.length;
  }
}

/**
 * Decode a recording: its room, how long it is, and its poses in order; `arrivedMs` is since its beginning.
 * @param {Uint8Array} bytes
 */
export function readRecording(bytes) {
  const streams = new PoseStreams(() => {});
  /** @type {Map<number, import("./members.js").RoomMember>} */
  const members = new Map();
  /** @type {ReceivedPose[]} */
  const poses = [];
  let room = "";
  let durationMs = 0;
  let audioFrames = 0;
  for (const { timeMs, kind, memberId, payload } of readRecords(bytes)) {
    durationMs = timeMs;
    if (kind === EVENT) {
      const event = JSON.parse(new TextDecoder().decode(payload));
      room ||= event.room ?? "";
      if (event.event === "welcome") for (const id of members.keys()) streams.forget(id);
      followMembers(members, event);
      if (event.event === "left") streams.forget(event.member_id);
    } else if (kind === POSE) {
      const pose = streams.decode(memberId, members.get(memberId)?.device ?? `member ${memberId}`, payload, timeMs);
      if (pose) poses.push(pose);
    } else if (kind === AUDIO) {
      audioFrames++;
    }
  }
  return { room, durationMs, poses, audioFrames };
}

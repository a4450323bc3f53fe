/** A room that a page is in: its members, their poses, audio and messages, and its shared state. */

import { monotonicMs } from "../clock.js";
import { AUDIO, POSE } from "../frames.js";
import { Feed, Listeners } from "../listeners.js";
import { control } from "../pose.js";
import { openDecoding } from "../poses/pose_decoding.js";
import { Membership } from "./membership.js";
import { Publishers } from "./publishers.js";
import { RoomMessages } from "./room_messages.js";
import { LiveState } from "./shared_state.js";

/** @typedef {import("../poses/pose_streams.js").ReceivedPose} ReceivedPose */
/** @typedef {import("../poses/pose_streams.js").StreamCount} StreamCount */
/** @typedef {import("./room_messages.js").RoomMessage} RoomMessage */

/**
 * A frame of audio of another member; its format is in `members`.
 * @typedef {object} ReceivedAudio
 * @property {number} memberId
 * @property {Uint8Array} payload
 */

/**
 * What handlers of the room's events get. All other names are the host's room events (`welcome`, `joined`, `left`, `away`,
 * `back`, `role`, `locked`, `kicked`, `replay`): their handlers get the whole message.
 * @typedef {object} RoomEvents
 * @property {[pose: ReceivedPose]} pose
 * @property {[audio: ReceivedAudio]} audio
 * @property {[message: RoomMessage]} message
 * @property {[reason: string]} closed this page left, was kicked, the room ended, or the connection did
 * @property {[event: Record<string, any>]} event each room event of the host
 * @property {[frame: {type: number, memberId: number, payload: Uint8Array}]} frame each as it came, not decoded
 * @property {[error: Error]} error what a handler has thrown; without a handler of this it is an event of the connection
 */

const KEY_REQUEST = 1;
const RATE = 3;
const POSES = 256;
const MESSAGES = 1000;
/** Events that are about a message, and the business of `RoomMessages`. */
const OF_MESSAGES = ["message", "sent", "refused", "caught_up"];

/** `HostConnection.join` makes one. */
export class Room extends Membership {
  #listeners = new Listeners((error, event) => this.host.failed(error, event));
  /** @type {Map<number, Map<number, ReceivedPose>>} */
  #latest = new Map();
  /** @type {Set<Feed<any>>} */
  #feeds = new Set();
  /** @type {Set<LiveState>} */
  #states = new Set();
  #publishers;
  #messages;
  #decoding;

  /**
   * @param {import("../connection.js").HostConnection} host
   * @param {string} name
   * @param {Record<string, any>} request the fields of the request to join, for joining again
   * @param {{acknowledge: boolean, worker: boolean}} decoding
   */
  constructor(host, name, request, decoding) {
    super(host, name, request);
    this.#publishers = new Publishers(host);
    this.#messages = new RoomMessages(host, name);
    this.#decoding = openDecoding(
      (memberId, packet) => host.sendFrame(POSE, packet, memberId),
      (pose) => this.#decoded(pose),
      decoding,
    );
  }

  // --- what others send

  /**
   * Call a function at each event of this name; returns a function that stops that.
   * @template {keyof RoomEvents | (string & {})} Name
   * @param {Name} event
   * @param {(...values: Name extends keyof RoomEvents ? RoomEvents[Name] : [message: any]) => unknown} handler
   * @param {{signal?: AbortSignal}} [options] `signal` stops that, too
   * @returns {() => void}
   */
  on(event, handler, options) {
    return this.#listeners.on(event, /** @type {import("../listeners.js").Handler} */ (handler), options);
  }

  /** Iterate over the poses of the other members until this page is no longer in the room: `for await`. */
  poses() {
    return /** @type {Feed<ReceivedPose>} */ (this.#feed("pose", POSES));
  }

  /** Iterate over the messages of the other members. */
  messages() {
    return /** @type {Feed<RoomMessage>} */ (this.#feed("message", MESSAGES));
  }

  /**
   * Return the newest pose of a member, named by its id or its device; null where there is none.
   * @param {number | string} member
   * @param {number} [stream] unless given, the newest of all its streams
   */
  latest(member, stream) {
    const streams = this.#latest.get(this.memberIdOf(member) ?? 0);
    if (!streams) return null;
    if (stream !== undefined) return streams.get(stream) ?? null;
    return [...streams.values()].reduce((newest, next) => (next.arrivedMs > newest.arrivedMs ? next : newest));
  }

  /** Return what was received of each stream, and its newest pose. */
  counts() {
    return [...this.#latest.values()].flatMap((streams) =>
      [...streams.values()].map(({ memberId, device, stream, count, delayMs, arrivedMs }) => ({
        memberId,
        device,
        stream,
        ...count,
        delayMs,
        ageMs: delayMs + monotonicMs() - arrivedMs,
      })),
    );
  }

  /**
   * Ask a publisher to keep its packets at or below this size; 0: no limit. The host passes it on only while this page
   * is the only one who gets the stream.
   * @param {number | string} member
   * @param {number} packetBytes
   * @param {number} [stream]
   */
  limitBytes(member, packetBytes, stream = 0) {
    const memberId = this.memberIdOf(member);
    if (memberId !== null) this.host.sendFrame(POSE, control(RATE, stream, 0, packetBytes), memberId);
  }

  /** Ask every publisher for a packet that decodes alone: for somebody who begins in the middle, as a recorder does. */
  askKeys() {
    for (const streams of this.#latest.values()) {
      for (const { memberId, stream, sequence } of streams.values()) {
        this.host.sendFrame(POSE, control(KEY_REQUEST, stream, sequence), memberId);
      }
    }
  }

  // --- what this page sends

  /**
   * Return a sender of poses; join with `publish: ["pose"]`.
   * @param {import("../poses/sender.js").SenderOptions} [options]
   */
  sender(options = {}) {
    return this.#publishers.poseSender(options);
  }

  /** Return a sender of audio; join with `publish: ["audio"]`. */
  audioSender() {
    return this.#publishers.audioSender();
  }

  /**
   * Call a function with each control packet for a stream: of a page with an encoder of its own.
   * @param {number} stream
   * @param {(packet: Uint8Array) => void} take
   */
  addPublisher(stream, take) {
    this.#publishers.add(stream, take);
  }

  /**
   * Send a message to all members, or to one; returns to how many connected members the host has given it. It arrives
   * once, also when the connection is lost meanwhile.
   * @param {any} data JSON, or a Uint8Array; at most 16 KiB
   * @param {{to?: number | string}} [options]
   * @returns {Promise<number>}
   */
  async send(data, { to } = {}) {
    return this.#messages.send(data, to === undefined ? null : this.receiver(to));
  }

  /**
   * Send a message as `send` does, but nobody says whether it arrived.
   * @param {any} data
   * @param {{to?: number | string}} [options]
   */
  post(data, { to } = {}) {
    this.#messages.post(data, to === undefined ? null : this.receiver(to));
  }

  /** Return the room's shared state, which this page follows from now on. */
  async sharedState() {
    const state = new LiveState(this.host, `room:${this.name}`, () => this.#states.delete(state));
    await state.follow();
    this.#states.add(state);
    return state;
  }

  /** Leave the room; loops over it end. */
  async leave() {
    if (this.closed !== null) return;
    await this.act("leave");
    this.gone("left");
  }

  // --- from the connection

  /**
   * Take an event of this room.
   * @param {Record<string, any>} event
   */
  receive(event) {
    const name = event.event;
    for (const message of this.#messages.receive(event)) this.#listeners.emit("message", message);
    if (OF_MESSAGES.includes(name)) return;
    const before = [...this.members.values()];
    this.follow(event);
    for (const { memberId, device } of before) {
      if (this.members.get(memberId)?.device === device) continue;
      this.#decoding.forget(memberId);
      this.#latest.delete(memberId);
    }
    this.#listeners.emit("event", event);
    this.#listeners.emit(name, event);
    if (name === "kicked" || name === "closed") this.gone(event.reason ? `${name}: ${event.reason}` : name);
  }

  /**
   * Take a frame of a member, or a control packet for a stream of this page.
   * @param {import("../frames.js").Frame} frame
   */
  receiveFrame({ type, payload, memberId }) {
    if (type === POSE && !memberId) {
      this.#publishers.control(payload);
      return;
    }
    this.#listeners.emit("frame", { type, memberId, payload });
    if (type === AUDIO) this.#listeners.emit("audio", { memberId, payload });
    else if (type === POSE) this.#decoding.decode(memberId, this.members.get(memberId)?.device ?? "", payload, monotonicMs());
  }

  /**
   * Note that this page is no longer in the room: loops over it end.
   * @param {string} reason
   */
  gone(reason) {
    if (!this.ends(reason)) return;
    this.#publishers.stop();
    for (const state of [...this.#states]) state.close();
    this.#messages.gone(reason);
    this.#decoding.close();
    for (const feed of this.#feeds) feed.end();
    this.#listeners.emit("closed", reason);
  }

  // --- inside

  /** @param {ReceivedPose} pose */
  #decoded(pose) {
    // One that was on its way to the worker and back while its publisher left is nobody's.
    if (this.closed !== null || this.members.get(pose.memberId)?.device !== pose.device) return;
    const streams = this.#latest.get(pose.memberId) ?? new Map();
    this.#latest.set(pose.memberId, streams.set(pose.stream, pose));
    this.#listeners.emit("pose", pose);
  }

  /**
   * @param {"pose" | "message"} event
   * @param {number} capacity
   */
  #feed(event, capacity) {
    const stop = this.on(event, (value) => feed.put(value));
    /** @type {Feed<any>} */
    const feed = new Feed(capacity, () => {
      stop();
      this.#feeds.delete(feed);
    });
    this.#feeds.add(feed);
    if (this.closed !== null) feed.end();
    return feed;
  }
}

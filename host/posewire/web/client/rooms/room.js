/** A room that a page is in: its members, their poses, audio and messages, and its shared state. */

import { AudioSender } from "../audio/audio_sender.js";
import { monotonicMs } from "../clock.js";
import { WireError } from "../errors.js";
import { AUDIO, POSE } from "../frames.js";
import { Feed, Listeners } from "../listeners.js";
import { followMembers } from "./members.js";
import { control } from "../pose.js";
import { openDecoding } from "../poses/pose_decoding.js";
import { RoomMessages } from "./room_messages.js";
import { PoseSender } from "../poses/sender.js";
import { LiveState } from "./shared_state.js";

/** @typedef {string | {kind: string, member_id?: number, device?: string}} Wanted a kind from everybody, or of one member */
/** @typedef {import("../poses/pose_streams.js").ReceivedPose} ReceivedPose */
/** @typedef {import("../poses/pose_streams.js").StreamCount} StreamCount */
/** @typedef {import("./room_messages.js").RoomMessage} RoomMessage */

/**
 * A frame of audio of another member; its format is in `members`.
 * @typedef {object} ReceivedAudio
 * @property {number} memberId
 * @property {Uint8Array} payload
 */

const KEY_REQUEST = 1;
const RATE = 3;
const POSES = 256;
const MESSAGES = 1000;

/**
 * `HostConnection.join` makes one. Events (`on`): `pose` (a ReceivedPose), `audio` (a ReceivedAudio), `message` (a
 * RoomMessage), `closed` (the reason: this page left, was kicked, the room ended, or the connection did), and the host's
 * room events by their name, each with the whole message, and all of them as `event`; undecoded frames as `frame`: `welcome`, `joined`, `left`, `away`, `back`, `role`, `locked`,
 * `kicked`, `replay`.
 */
export class Room {
  memberId = 0;
  role = "";
  locked = false;
  /** The members by their ids, this page included; kept up to date. @type {Map<number, import("./members.js").RoomMember>} */
  members = new Map();
  isWelcome = false;
  /** Why this page is no longer in the room; null while it is. @type {string | null} */
  closed = null;
  #listeners = new Listeners();
  /** @type {Map<number, Map<number, ReceivedPose>>} */
  #latest = new Map();
  /** @type {Set<Feed<any>>} */
  #feeds = new Set();
  /** @type {Map<number, (packet: Uint8Array) => void>} */
  #publishers = new Map();
  /** @type {PoseSender[]} */
  #senders = [];
  /** @type {(() => void)[]} */
  #ends = [];
  #messages;
  #decoding;

  /**
   * @param {import("../connection.js").HostConnection} host
   * @param {string} name
   * @param {Record<string, any>} request the fields of the request to join, for joining again
   * @param {{acknowledge: boolean, worker: boolean}} decoding
   */
  constructor(host, name, request, decoding) {
    this.host = host;
    this.name = name;
    this.request = request;
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
   * @param {string} event
   * @param {import("../listeners.js").Handler} handler
   */
  on(event, handler) {
    return this.#listeners.on(event, handler);
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

  /**
   * Return the id of a member, named by its id or its device; null where it is not in the room.
   * @param {number | string} member
   */
  memberIdOf(member) {
    if (typeof member === "number") return this.members.has(member) ? member : null;
    for (const found of this.members.values()) if (found.device === member) return found.memberId;
    return null;
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
    if (this.#senders.some((sender) => sender.stream === options.stream && !sender.stopped))
      throw new RangeError(`another sender of this room has the stream ${options.stream}: stop it first`);
    let stream = options.stream ?? 0;
    while (options.stream === undefined && this.#publishers.has(stream)) stream++;
    const sender = new PoseSender(this.host, { ...options, stream });
    this.addPublisher(stream, (packet) => sender.control(packet));
    this.#senders.push(sender);
    this.#ends.push(() => sender.stop());
    return sender;
  }

  /** Return a sender of audio; join with `publish: ["audio"]`. */
  audioSender() {
    const sender = new AudioSender(this.host);
    this.#ends.push(() => sender.stop());
    return sender;
  }

  /**
   * Call a function with each control packet for a stream: of a page with an encoder of its own.
   * @param {number} stream
   * @param {(packet: Uint8Array) => void} take
   */
  addPublisher(stream, take) {
    this.#publishers.set(stream, take);
  }

  /**
   * Send a message to all members, or to one; returns to how many connected members the host has given it. It arrives
   * once, also when the connection is lost meanwhile.
   * @param {any} data JSON, or a Uint8Array; at most 16 KiB
   * @param {{to?: number | string}} [options]
   * @returns {Promise<number>}
   */
  async send(data, { to } = {}) {
    return this.#messages.send(data, this.#receiver(to));
  }

  /**
   * Send a message as `send` does, but nobody says whether it arrived.
   * @param {any} data
   * @param {{to?: number | string}} [options]
   */
  post(data, { to } = {}) {
    this.#messages.post(data, this.#receiver(to));
  }

  /** Return the room's shared state, which this page follows from now on. */
  async sharedState() {
    const state = new LiveState(this.host, `room:${this.name}`);
    await state.follow();
    this.#ends.push(() => state.close());
    return state;
  }

  // --- what members may do

  /**
   * Change what this page gets.
   * @param {Wanted[]} wanted
   */
  async subscribe(wanted) {
    this.request.subscribe = wanted;
    await this.#act("subscribe", { subscribe: wanted });
  }

  /** Close the room to newcomers, or open it again; only its owner may. */
  async lock(locked = true) {
    await this.#act(locked ? "lock" : "unlock");
  }

  /**
   * Remove a member, named by its id or its device; only the owner may.
   * @param {number | string} member
   * @param {string} [reason]
   */
  async kick(member, reason = "") {
    await this.#act("kick", { member_id: this.#receiver(member), reason });
  }

  /**
   * Make another member the owner, named by its id or its device; only the owner may.
   * @param {number | string} member
   */
  async passOn(member) {
    await this.#act("role", { member_id: this.#receiver(member), role: "owner" });
  }

  /**
   * Ask for a member's last frames; they come as `replay` events (docs/rooms.md).
   * @param {number} memberId
   * @param {number} [frames]
   */
  async askReplay(memberId, frames = 100) {
    await this.#act("replay", { member_id: memberId, frames });
  }

  async leave() {
    await this.#act("leave");
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
    if (["message", "sent", "refused", "caught_up"].includes(name)) return;
    const before = [...this.members.values()];
    followMembers(this.members, event);
    for (const { memberId, device } of before) {
      if (this.members.get(memberId)?.device === device) continue;
      this.#decoding.forget(memberId);
      this.#latest.delete(memberId);
    }
    if (name === "welcome") {
      this.memberId = event.member_id;
      this.isWelcome = true;
    }
    if (name === "welcome" || name === "locked") this.locked = event.locked;
    this.role = this.members.get(this.memberId)?.role ?? this.role;
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
      this.#publishers.get(payload[1])?.(payload);
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
    if (this.closed !== null) return;
    this.closed = reason;
    this.members.clear();
    for (const end of this.#ends) end();
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
   * @param {string} action
   * @param {object} [fields]
   */
  #act(action, fields = {}) {
    return this.host.request({ type: "room", action, ...fields });
  }

  /** @param {number | string | undefined} to */
  #receiver(to) {
    if (typeof to !== "string") return to ?? null;
    const memberId = this.memberIdOf(to);
    if (memberId === null) throw new WireError(`nobody in the room "${this.name}" has the device id "${to}"`, "not_found");
    return memberId;
  }

  /**
   * @param {string} event
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

/** A connection to a host that comes back by itself, and the room that it is in. */

import { PCM } from "./audio/codec.js";
import { ConfigError } from "./errors.js";
import { buildFrame } from "./frames.js";
import { Dialer } from "./link/dialer.js";
import { Exchange } from "./link/exchange.js";
import { Heartbeat } from "./link/heartbeat.js";
import { writeJson } from "./link/json_text.js";
import { Life } from "./link/life.js";
import { Outbox } from "./link/outbox.js";
import { Presence } from "./link/presence.js";
import { Reception } from "./link/reception.js";
import { exponentialBackoff } from "./link/reconnect.js";
import { Requests } from "./link/requests.js";
import { Listeners } from "./listeners.js";
import { Room } from "./rooms/room.js";
import { RoomPlace } from "./rooms/room_place.js";
import { PoseChannel } from "./transports/pose_channel.js";
import { uniqueName } from "./unique_name.js";

/**
 * @typedef {object} ConnectOptions
 * @property {string | (() => string | Promise<string>)} [token] or a function that is called for each opening
 * @property {string} [device] a device id; unless given, one that nobody else has
 * @property {import("./audio/codec.js").AudioParams} [audio] how audio is encoded in both directions
 * @property {import("./link/reconnect.js").Strategy} [reconnect]
 * @property {number} [heartbeatMs]
 * @property {number} [silenceMs] after so long without an answer the host is given up
 * @property {number} [timeoutMs]
 * @property {AbortSignal} [signal] closes the connection, be it open or still being opened
 * @property {boolean | import("./transports/pose_channel.js").WebRtcOptions} [webrtc] poses by a data channel, where the
 *   host has one; its options say when it is left, and tried again
 */

/**
 * @typedef {object} JoinOptions
 * @property {readonly ("pose" | "audio")[]} [publish]
 * @property {readonly import("./rooms/membership.js").Wanted[]} [subscribe]
 * @property {boolean} [create] true: the room must be new; false: it must be there
 * @property {boolean} [echo] own frames come back, too
 * @property {boolean} [acknowledge] tell publishers which frames have arrived, for their `reliable` streams
 * @property {boolean} [worker] decode poses in a worker, as it is unless false
 */

/**
 * What handlers of the connection's events get. All other names are types of the host's text messages (`stt`, `tts`, …):
 * their handlers get the message.
 * @typedef {object} HostEvents
 * @property {[old: import("./link/presence.js").ConnectionState, state: import("./link/presence.js").ConnectionState]} changed
 * @property {[resumed: boolean]} connected
 * @property {[reason: string]} disconnected
 * @property {[reason: string]} closed
 * @property {[transport: string, cause: string]} transport the one that poses go by from now on, and why
 * @property {[error: Error]} error a PosewireError, or what a handler has thrown
 * @property {[frame: Uint8Array]} audio of the host's voice
 */

/** Made by `connect`, which also opens it. */
export class HostConnection {
  #outbox = new Outbox();
  #listeners = new Listeners();
  #presence = new Presence(this.#listeners);
  #timeoutMs;
  #signal;
  #channel;
  #heartbeat;
  #requests;
  #place;
  #exchange;
  #dialer;
  #life;

  /**
   * @param {string | readonly string[]} urls
   * @param {ConnectOptions} [options]
   */
  constructor(urls, options = {}) {
    this.device = options.device ?? uniqueName("browser");
    this.#signal = options.signal;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    if (!(this.#timeoutMs > 0)) throw new ConfigError("timeoutMs must be more than 0");
    const say = (/** @type {object} */ message) => this.#exchange.put(message);
    const receive = (/** @type {string | ArrayBuffer} */ message) => reception.receive(message);
    this.#channel = new PoseChannel({
      wanted: options.webrtc ?? false,
      say,
      send: (frame) => this.#exchange.write(frame),
      receive,
      switched: ({ now, cause }) => this.#listeners.emit("transport", now, cause),
    });
    this.#heartbeat = new Heartbeat(options.heartbeatMs ?? 2000, options.silenceMs ?? 5000, say);
    this.#requests = new Requests({
      heartbeat: this.#heartbeat,
      say,
      waitConnected: () => this.waitConnected(),
      timeoutMs: this.#timeoutMs,
    });
    this.#place = new RoomPlace({ heartbeat: this.#heartbeat, requests: this.#requests, say });
    this.#exchange = new Exchange({
      audio: options.audio ?? PCM,
      heartbeat: this.#heartbeat,
      channel: this.#channel,
      place: this.#place,
      greeted: (session, resumed) => this.#greeted(session, resumed),
    });
    const reception = new Reception({
      heartbeat: this.#heartbeat,
      channel: this.#channel,
      place: this.#place,
      requests: this.#requests,
      exchange: this.#exchange,
      listeners: this.#listeners,
    });
    this.#dialer = new Dialer({
      urls: typeof urls === "string" ? [urls] : urls,
      token: options.token ?? "",
      device: this.device,
      clientId: uniqueName("page"),
      over: this.#presence.over,
      receive,
      begin: (session, url, timeoutMs) => this.#exchange.begin(session, url, timeoutMs),
    });
    this.#life = new Life(this.#dialer, this.device, options.reconnect ?? exponentialBackoff(), this.#timeoutMs, {
      talk: (session) => this.#exchange.talk(session),
      lost: (reason) => this.#presence.lost(reason),
      refused: (error) => this.#listeners.emit("error", error),
      failed: (error) => this.#listeners.failed(error, "reconnect"),
      ended: (reason) => this.#end(reason),
      over: this.#presence.over,
    });
  }

  // --- life

  /** The state of the connection. */
  get state() {
    return this.#presence.state;
  }

  /** Whether the host is there at this moment. */
  get connected() {
    return this.#presence.connected;
  }

  /** Why the connection is over; empty while it is not. */
  get closeReason() {
    return this.#presence.closeReason;
  }

  get sessionId() {
    return this.#exchange.sessionId;
  }

  /** How audio is encoded in both directions: what this page asked for, and since hello what was agreed on. */
  get audio() {
    return this.#exchange.audio;
  }

  /** The address of the present connection, or of the last one. */
  get url() {
    return this.#dialer.url;
  }

  /** The room that this connection is in: one at a time. */
  get room() {
    return this.#place.room;
  }

  /** Whether poses go by a data channel, on which they may be lost, at this moment. */
  get lossy() {
    return this.connected && this.#channel.lossy;
  }

  /** Bytes that the network has not taken yet. */
  get unsentBytes() {
    return this.#exchange.unsentBytes + this.#channel.unsentBytes;
  }

  /** Connect: every address is tried once. */
  async open() {
    this.#presence.begins();
    const signal = this.#signal;
    const abort = () => void this.close();
    signal?.addEventListener("abort", abort);
    this.#presence.over.addEventListener("abort", () => signal?.removeEventListener("abort", abort));
    if (signal?.aborted) abort();
    try {
      void this.#life.run(await this.#dialer.dial(this.#timeoutMs));
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
      signal?.throwIfAborted();
      throw error;
    }
  }

  /** Say goodbye, and close. The host keeps nothing for this page. */
  async close() {
    const { session } = this.#exchange;
    if (this.connected && session) this.#exchange.put({ type: "goodbye" });
    this.#end("closed by this page");
    await session?.close();
  }

  /**
   * Wait until the host is there; throws NotConnectedError.
   * @param {number} [timeoutMs]
   * @returns {Promise<void>}
   */
  waitConnected(timeoutMs = this.#timeoutMs) {
    return this.#presence.waitConnected(timeoutMs);
  }

  /** Go back to the way that poses went by before, and stay there until this is called again. */
  rollback() {
    this.#channel.rollback();
  }

  // --- what a page says

  /**
   * Call a function at each event of this name; returns a function that stops that.
   * @template {keyof HostEvents | (string & {})} Name
   * @param {Name} event
   * @param {(...values: Name extends keyof HostEvents ? HostEvents[Name] : [message: any]) => unknown} handler
   * @param {{signal?: AbortSignal}} [options] `signal` stops that, too
   * @returns {() => void}
   */
  on(event, handler, options) {
    return this.#listeners.on(event, /** @type {import("./listeners.js").Handler} */ (handler), options);
  }

  /**
   * Join a room, and leave the one before it: a connection is in one room at a time. Throws WireError where the host
   * refuses; its `code` says why.
   * @param {string} name
   * @param {JoinOptions} [options]
   */
  async join(name, { publish = [], subscribe = ["pose"], create, echo = false, acknowledge = false, worker = true } = {}) {
    const request = { publish, subscribe, create: create !== false, echo, messages: true };
    const joining = new Room(this, name, request, { acknowledge: acknowledge || this.#channel.wanted, worker });
    await this.#place.join(joining, Boolean(create));
    return joining;
  }

  /**
   * Return the rooms that this page may join.
   * @returns {Promise<{room: string, members: number, locked: boolean, created: number, last_active: number}[]>}
   */
  async listRooms() {
    /** @type {any[]} */
    const found = [];
    const stop = this.on("room", (message) => found.push(...(message.rooms ?? [])));
    try {
      await this.request({ type: "room", action: "list" });
    } finally {
      stop();
    }
    return found;
  }

  /**
   * Send a text message (docs/wire.md section 2); throws WireError where it is no JSON, QueueFullError where 100 are kept
   * already, NotConnectedError. While the host is away it is kept, for 30 s at most.
   * @param {Record<string, any>} message
   * @param {number | null} [number] of a message that the host confirms: it is said again after a reconnect
   */
  send(message, number = null) {
    this.#presence.requireOpen();
    const away = !this.connected || !this.#exchange.isOpen;
    if (number !== null || away) {
      writeJson(message);
      this.#outbox.keep(message, number);
    }
    if (!away) this.#exchange.put(message);
  }

  /**
   * Keep the message with this number no longer: the host has confirmed it.
   * @param {number} number
   */
  confirmed(number) {
    this.#outbox.confirmed(number);
  }

  /**
   * Send a binary frame, or nothing while the host is away.
   * @param {number} type
   * @param {Uint8Array} payload
   * @param {number} [memberId] whom a control packet is for
   * @param {boolean} [lossy] it may be lost: nobody needs it to decode another
   */
  sendFrame(type, payload, memberId = 0, lossy = false) {
    if (!this.connected) return;
    const frame = buildFrame(type, payload, memberId);
    this.#channel.send(frame, lossy);
  }

  /**
   * Send a message and wait until the host has handled it; one request at a time. Throws WireError where the host
   * refuses, AnswerTimeoutError, NotConnectedError, and HostUnreachableError where the connection was lost before.
   * @param {Record<string, any>} message
   * @returns {Promise<void>}
   */
  request(message) {
    return this.#requests.ask(message);
  }

  /**
   * Report an exception of a function of the page: to the handlers of `error`, else on the console.
   * @param {unknown} error
   * @param {string} where
   */
  failed(error, where) {
    this.#listeners.failed(error, where);
  }

  // --- what a page asks

  /** The host's clock, in milliseconds since 1970; null before it is known. */
  hostTimeMs() {
    const offset = this.#heartbeat.clock.offsetMs;
    return offset === null ? null : Date.now() + offset;
  }

  /** The state of the connection, for a person. */
  status() {
    const { clock } = this.#heartbeat;
    return {
      state: this.state,
      url: this.url,
      transport: this.connected ? this.#channel.status() : null,
      session: this.sessionId,
      room: this.room && this.room.closed === null ? this.room.name : null,
      roundTripMs: clock.roundTripMs,
      clockOffsetMs: clock.offsetMs,
      keptMessages: this.#outbox.length,
      unsentBytes: this.unsentBytes,
      closeReason: this.closeReason || null,
    };
  }

  /** What was counted since the connection was first opened. */
  statistics() {
    const { attempts } = this.#dialer;
    const { reconnects } = this.#life;
    const roundTripMs = this.#heartbeat.clock.percentiles();
    return { attempts, reconnects, ...this.#exchange.counts, roundTripMs, expired: this.#outbox.expired };
  }

  // --- inside

  /**
   * A session has begun: what waits for the host is said.
   * @param {import("./link/session.js").Session} session
   * @param {boolean} resumed
   */
  #greeted(session, resumed) {
    const { over } = this.#presence;
    if (over.aborted) session.abort("closed by this page");
    over.throwIfAborted();
    this.#presence.arrives();
    for (const kept of this.#outbox.toResend()) this.#exchange.put(kept.message);
    this.#listeners.emit("connected", resumed);
  }

  /** @param {string} reason */
  #end(reason) {
    if (!this.#presence.ends(reason)) return;
    const lost = this.#outbox.close();
    this.#channel.end();
    this.room?.gone(reason);
    if (lost) this.#listeners.emit("error", lost);
    this.#listeners.emit("closed", reason);
  }
}

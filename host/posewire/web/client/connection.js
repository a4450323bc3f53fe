/** A connection to a host that comes back by itself, and the room that it is in. */

import { PCM } from "./audio/codec.js";
import { NotConnectedError, WireError } from "./errors.js";
import { AUDIO, buildFrame, parseFrame } from "./frames.js";
import { Dialer } from "./link/dialer.js";
import { Exchange } from "./link/exchange.js";
import { Heartbeat } from "./link/heartbeat.js";
import { writeJson } from "./link/json_text.js";
import { Life } from "./link/life.js";
import { Outbox } from "./link/outbox.js";
import { exponentialBackoff } from "./link/reconnect.js";
import { Requests } from "./link/requests.js";
import { Listeners } from "./listeners.js";
import { Room } from "./rooms/room.js";
import { RoomPlace } from "./rooms/room_place.js";
import { PoseChannel } from "./transports/pose_channel.js";

/** @typedef {"new" | "connecting" | "connected" | "reconnecting" | "closed"} ConnectionState */

/**
 * @typedef {object} ConnectOptions
 * @property {string | (() => string | Promise<string>)} [token] or a function that is called for each opening
 * @property {string} [device] a device id; unless given, one that nobody else has
 * @property {import("./audio/codec.js").AudioParams} [audio] how audio is encoded in both directions
 * @property {import("./link/reconnect.js").Strategy} [reconnect]
 * @property {number} [heartbeatMs]
 * @property {number} [silenceMs] after so long without an answer the host is given up
 * @property {number} [timeoutMs]
 * @property {boolean | import("./transports/pose_channel.js").WebRtcOptions} [webrtc] poses by a data channel, where the
 *   host has one; its options say when it is left, and tried again
 */

/**
 * @typedef {object} JoinOptions
 * @property {string[]} [publish] kinds: `pose`, `audio`
 * @property {import("./rooms/room.js").Wanted[]} [subscribe]
 * @property {boolean} [create] true: the room must be new; false: it must be there
 * @property {boolean} [echo] own frames come back, too
 * @property {boolean} [acknowledge] tell publishers which frames have arrived, for their `reliable` streams
 * @property {boolean} [worker] decode poses in a worker, as it is unless false
 */

/**
 * Connect to a host; throws HostUnreachableError, or UnauthorizedError where it does not let this page in.
 * @param {string | string[]} [urls] the page's own host unless given; several stand in for each other
 * @param {ConnectOptions} [options]
 */
export async function connect(urls, options = {}) {
  const host = new HostConnection(urls ?? ownHost(), options);
  await host.open();
  return host;
}

/** The address of the host that has served this page. */
export const ownHost = () => new URL("/posewire/v1/", location.href.replace(/^http/, "ws")).href;

/**
 * Events (`on`): `changed` (old, new state), `connected` (whether resumed), `disconnected` (reason), `closed` (reason),
 * `transport` (the one that poses go by from now on, why),
 * `error` (a PosewireError, or the exception of a handler), `audio` (a frame of the host's voice), and each text message
 * of the host by its type (`stt`, `tts`, …).
 */
export class HostConnection {
  closeReason = "";
  /** @type {ConnectionState} */
  state = "new";
  #outbox = new Outbox();
  #listeners = new Listeners();
  #timeoutMs;
  #channel;
  #heartbeat;
  #requests;
  #place;
  #exchange;
  #dialer;
  #life;

  /**
   * @param {string | string[]} urls
   * @param {ConnectOptions} [options]
   */
  constructor(urls, options = {}) {
    this.device = options.device ?? uniqueName("browser");
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    if (!(this.#timeoutMs > 0)) throw new RangeError("timeoutMs must be more than 0");
    const say = (/** @type {object} */ message) => this.#exchange.put(message);
    const receive = (/** @type {string | ArrayBuffer} */ message) => this.#receive(message);
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
    this.#dialer = new Dialer({
      urls: typeof urls === "string" ? [urls] : urls,
      token: options.token ?? "",
      device: this.device,
      clientId: uniqueName("page"),
      receive,
      begin: (session, timeoutMs) => this.#exchange.begin(session, timeoutMs),
    });
    this.#life = new Life(this.#dialer, this.device, options.reconnect ?? exponentialBackoff(), this.#timeoutMs, {
      talk: (session) => this.#exchange.talk(session),
      lost: (reason) => this.#lost(reason),
      refused: (error) => this.#listeners.emit("error", error),
      failed: (error) => this.#listeners.failed(error, "reconnect"),
      ended: (reason) => this.#end(reason),
      isClosed: () => this.#isClosed(),
    });
  }

  // --- life

  get connected() {
    return this.state === "connected";
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
    if (this.state !== "new") throw new NotConnectedError("this connection was opened before: make another one");
    this.#change("connecting");
    try {
      const session = await this.#dialer.dial(this.#timeoutMs);
      this.#life.run(session);
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
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
    return new Promise((resolve, reject) => {
      /** @param {() => void} settle */
      const finish = (settle) => {
        clearTimeout(timer);
        stop();
        settle();
      };
      const look = () => {
        if (this.connected) finish(resolve);
        else if (this.state === "closed") finish(() => reject(new NotConnectedError(this.closeReason)));
      };
      const timer = setTimeout(
        () => finish(() => reject(new NotConnectedError(`the host has been away for ${timeoutMs} ms`))),
        timeoutMs,
      );
      const stop = this.on("changed", look);
      look();
    });
  }

  /** Go back to the way that poses went by before, and stay there until this is called again. */
  rollback() {
    this.#channel.rollback();
  }

  // --- what a page says

  /**
   * Call a function at each event of this name; returns a function that stops that.
   * @param {string} event
   * @param {import("./listeners.js").Handler} handler
   */
  on(event, handler) {
    return this.#listeners.on(event, handler);
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
   * @returns {Promise<{room: string, members: number, locked: boolean}[]>}
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
   * Send a text message (docs/wire.md section 2); throws WireError where it is no JSON. While the host is away it is
   * kept, for 30 s at most.
   * @param {Record<string, any>} message
   * @param {number | null} [number] of a message that the host confirms: it is said again after a reconnect
   */
  send(message, number = null) {
    if (this.state === "new" || this.state === "closed")
      throw new NotConnectedError(this.closeReason || "the connection is not open");
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

  // --- the life of the connection

  /** @param {string} reason */
  #lost(reason) {
    this.#change("reconnecting");
    this.#listeners.emit("disconnected", reason);
  }

  /**
   * A session has begun: what waits for the host is said.
   * @param {import("./link/session.js").Session} session
   * @param {boolean} resumed
   */
  #greeted(session, resumed) {
    if (this.#isClosed()) {
      session.abort("closed by this page");
      throw new NotConnectedError(this.closeReason);
    }
    this.#change("connected");
    for (const kept of this.#outbox.toResend()) this.#exchange.put(kept.message);
    this.#listeners.emit("connected", resumed);
  }

  /** @param {string} reason */
  #end(reason) {
    if (this.state === "closed") return;
    this.closeReason = reason;
    const lost = this.#outbox.close();
    this.#change("closed");
    this.#channel.end();
    this.room?.gone(reason);
    if (lost) this.#listeners.emit("error", lost);
    this.#listeners.emit("closed", reason);
  }

  #isClosed() {
    return this.state === "closed";
  }

  /** @param {ConnectionState} state */
  #change(state) {
    const old = this.state;
    this.state = state;
    this.#listeners.emit("changed", old, state);
  }

  // --- inside

  /**
   * Take a message of the host. A defect in a handler, or in a message, does not end the connection.
   * @param {string | ArrayBuffer} message
   */
  #receive(message) {
    this.#exchange.received(message);
    try {
      if (typeof message === "string") this.#receiveText(JSON.parse(message));
      else this.#receiveBinary(new Uint8Array(message));
    } catch (error) {
      this.#listeners.failed(error, "a message of the host");
    }
  }

  /** @param {Record<string, any>} message */
  #receiveText(message) {
    const kind = message.type;
    /** @type {WireError | null} */
    let error = null;
    if (kind === "pong") this.#heartbeat.onPong(message);
    else if (kind === "room") this.#place.receive(message);
    else if (kind === "webrtc") this.#channel.take(message);
    else if (kind === "error") {
      error = new WireError(String(message.message ?? "refused"), String(message.code ?? "internal"));
      this.#requests.refused(error);
    }
    if (!this.#exchange.takeGreeting(message) && error) this.#listeners.emit("error", error);
    if (!error) this.#listeners.emit(kind, message);
  }

  /** @param {Uint8Array} message */
  #receiveBinary(message) {
    const frame = parseFrame(message);
    if (frame.type === AUDIO && !frame.memberId) this.#listeners.emit("audio", frame.payload);
    else this.room?.receiveFrame(frame);
  }
}

/**
 * A device id that nobody else has.
 * @param {string} kind
 */
export function uniqueName(kind) {
  return `${kind}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0")}`;
}

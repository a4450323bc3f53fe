/** A connection to a host that comes back by itself, and the room that it is in. */

import { PCM } from "./audio/codec.js";
import { HostUnreachableError, NotConnectedError, PosewireError, UnauthorizedError, WireError } from "./errors.js";
import { AUDIO, buildFrame, parseFrame } from "./frames.js";
import { Heartbeat } from "./heartbeat.js";
import { Listeners } from "./listeners.js";
import { Outbox } from "./outbox.js";
import { exponentialBackoff } from "./reconnect.js";
import { Room } from "./rooms/room.js";
import { openSocket } from "./session.js";
import { PoseChannel } from "./transports/pose_channel.js";

/** Ms for the first attempt after a loss; each further one has twice as long, up to the connection's time-out. */
const FIRST_TIMEOUT_MS = 1500;
const REPLACED = 4000;
/** Codes of errors that only frames cause: they are no answer to a request. */
const OF_FRAMES = ["bad_pose", "bad_frame"];

/** @typedef {"new" | "connecting" | "connected" | "reconnecting" | "closed"} ConnectionState */

/**
 * @typedef {object} ConnectOptions
 * @property {string | (() => string | Promise<string>)} [token] or a function that is called for each opening
 * @property {string} [device] a device id; unless given, one that nobody else has
 * @property {import("./audio/codec.js").AudioParams} [audio] how audio is encoded in both directions
 * @property {import("./reconnect.js").Strategy} [reconnect]
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
  sessionId = "";
  /** The address of the present connection, or of the last one. */
  url = "";
  /** The room that this connection is in: one at a time. @type {Room | null} */
  room = null;
  closeReason = "";
  #channel;
  /** @type {ConnectionState} */
  state = "new";
  outbox = new Outbox();
  counts = { attempts: 0, reconnects: 0, messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  #listeners = new Listeners();
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** @type {Room | null} */
  #joining = null;
  /** @type {WireError[]} */
  #refusals = [];
  /** @type {Promise<unknown>} */
  #lastRequest = Promise.resolve();
  /** @type {((message: Record<string, any>) => void) | null} */
  #greeted = null;

  /**
   * @param {string | string[]} urls
   * @param {ConnectOptions} [options]
   */
  constructor(urls, options = {}) {
    this.urls = typeof urls === "string" ? [urls] : [...urls];
    this.token = options.token ?? "";
    this.device = options.device ?? uniqueName("browser");
    this.clientId = uniqueName("page");
    /** What this page asked for, and since hello what was agreed on. */
    this.audio = options.audio ?? PCM;
    this.reconnect = options.reconnect ?? exponentialBackoff();
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.#channel = new PoseChannel({
      wanted: options.webrtc ?? false,
      say: (message) => this.#put(message),
      send: (frame) => this.#write(frame),
      receive: (message) => this.#receive(message),
      switched: ({ now, cause }) => this.#listeners.emit("transport", now, cause),
    });
    this.heartbeat = new Heartbeat(options.heartbeatMs ?? 2000, options.silenceMs ?? 5000, (message) => this.#put(message));
    this.askedAudio = this.audio;
  }

  // --- life

  get connected() {
    return this.state === "connected";
  }

  /** Whether poses go by a data channel, on which they may be lost, at this moment. */
  get lossy() {
    return this.connected && this.#channel.lossy;
  }

  /** Bytes that the network has not taken yet. */
  get unsentBytes() {
    return (this.#session?.socket.bufferedAmount ?? 0) + this.#channel.unsentBytes;
  }

  /** Connect: every address is tried once. */
  async open() {
    this.#change("connecting");
    try {
      const session = await this.#connect(this.timeoutMs);
      this.#live(session);
    } catch (error) {
      this.#end(error instanceof Error ? error.message : String(error));
      throw error;
    }
  }

  /** Say goodbye, and close. The host keeps nothing for this page. */
  async close() {
    const session = this.#session;
    if (this.connected && session) this.#put({ type: "goodbye" });
    this.#end("closed by this page");
    await session?.close();
  }

  /**
   * Wait until the host is there; throws NotConnectedError.
   * @param {number} [timeoutMs]
   * @returns {Promise<void>}
   */
  waitConnected(timeoutMs = this.timeoutMs) {
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
    const before = this.room;
    const joining = new Room(this, name, request, { acknowledge: acknowledge || this.#channel.wanted, worker });
    this.#joining = joining;
    try {
      await this.request({ type: "room", action: create ? "create" : "join", room: name, ...request });
      if (this.room !== joining) throw new WireError(`the host has not let this page into the room "${name}"`, "room_denied");
    } catch (error) {
      joining.gone(String(error));
      throw error;
    } finally {
      this.#joining = null;
    }
    before?.gone("this page has joined another room");
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
   * Send a text message (docs/wire.md section 2). While the host is away it is kept, for 30 s at most.
   * @param {Record<string, any>} message
   * @param {number | null} [number] of a message that the host confirms: it is said again after a reconnect
   */
  send(message, number = null) {
    if (this.state === "new" || this.state === "closed")
      throw new NotConnectedError(this.closeReason || "the connection is not open");
    const away = !this.connected || this.#session?.socket.readyState !== WebSocket.OPEN;
    if (number !== null || away) this.outbox.keep(message, number);
    if (!away) this.#put(message);
  }

  /**
   * Keep the message with this number no longer: the host has confirmed it.
   * @param {number} number
   */
  confirmed(number) {
    this.outbox.confirmed(number);
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
    const request = this.#lastRequest.then(async () => {
      await this.waitConnected();
      this.#refusals = [];
      this.#put(message);
      try {
        await this.heartbeat.barrier(this.timeoutMs);
      } catch (error) {
        if (error instanceof PosewireError) throw error;
        throw new HostUnreachableError("the connection was lost before the host answered");
      }
      if (this.#refusals.length) throw this.#refusals[0];
    });
    this.#lastRequest = request.catch(() => {});
    return request;
  }

  // --- what a page asks

  /** The host's clock, in milliseconds since 1970; null before it is known. */
  hostTimeMs() {
    const offset = this.heartbeat.clock.offsetMs;
    return offset === null ? null : Date.now() + offset;
  }

  /** The state of the connection, for a person. */
  status() {
    const { clock } = this.heartbeat;
    return {
      state: this.state,
      url: this.url,
      transport: this.connected ? this.#channel.status() : null,
      session: this.sessionId,
      room: this.room && this.room.closed === null ? this.room.name : null,
      roundTripMs: clock.roundTripMs,
      clockOffsetMs: clock.offsetMs,
      keptMessages: this.outbox.length,
      unsentBytes: this.unsentBytes,
      closeReason: this.closeReason || null,
    };
  }

  /** What was counted since the connection was first opened. */
  statistics() {
    return { ...this.counts, roundTripMs: this.heartbeat.clock.percentiles(), expired: this.outbox.expired };
  }

  // --- the life of the connection

  /** @param {import("./session.js").Session} first */
  async #live(first) {
    /** @type {import("./session.js").Session | null} */
    let session = first;
    while (session) {
      /** @type {import("./session.js").Session} */
      const present = session;
      this.heartbeat.watch((reason) => present.abort(reason));
      /** @type {import("./session.js").Loss} */
      const { code, reason } = await present.lost;
      this.heartbeat.lost();
      this.#session = null;
      this.#channel.end();
      session = this.state === "closed" ? null : await this.#comeBack(code, reason);
    }
  }

  /**
   * @param {number} code
   * @param {string} lost
   */
  async #comeBack(code, lost) {
    if (code === REPLACED && !lost.endsWith("and client")) {
      this.#end(`another page has connected with the device id "${this.device}"`);
      return null;
    }
    this.#change("reconnecting");
    this.#listeners.emit("disconnected", lost);
    for (let attempt = 1; ; attempt++) {
      const pause = this.reconnect(attempt);
      if (pause === null) {
        this.#end(lost);
        return null;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
      if (this.#isClosed()) return null;
      try {
        const session = await this.#connect(Math.min(this.timeoutMs, FIRST_TIMEOUT_MS * 2 ** Math.min(attempt - 1, 8)));
        this.counts.reconnects++;
        return session;
      } catch (error) {
        if (this.#isClosed()) return null;
        if (!(error instanceof PosewireError)) this.#listeners.failed(error, "reconnect");
        if (error instanceof UnauthorizedError) {
          this.#listeners.emit("error", error);
          this.#end(error.message);
          return null;
        }
      }
    }
  }

  /**
   * Try each address once, until one takes this page.
   * @param {number} timeoutMs
   */
  async #connect(timeoutMs) {
    /** @type {unknown} */
    let last = null;
    for (const url of [...this.urls]) {
      this.counts.attempts++;
      try {
        const session = await this.#connectTo(url, timeoutMs);
        this.url = url;
        return session;
      } catch (error) {
        // A host that is there and says no counts for more than one that is away.
        if (!(last instanceof UnauthorizedError)) last = error;
        this.urls.push(/** @type {string} */ (this.urls.shift()));
      }
    }
    throw last;
  }

  /**
   * @param {string} address
   * @param {number} timeoutMs
   */
  async #connectTo(address, timeoutMs) {
    const url = new URL(address, document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("device-id", this.device);
    url.searchParams.set("client-id", this.clientId);
    url.searchParams.set("protocol-version", "3");
    const token = typeof this.token === "function" ? await this.token() : this.token;
    if (token) url.searchParams.set("authorization", `Bearer ${token}`);
    const session = await openSocket(url, timeoutMs, (message) => this.#receive(message));
    let resumed = false;
    try {
      resumed = await session.within(timeoutMs, this.#greet(session));
    } catch (error) {
      session.abort("the host does not answer as a host does");
      this.heartbeat.lost();
      this.#session = null;
      throw error;
    }
    if (this.#isClosed()) {
      session.abort("closed by this page");
      throw new NotConnectedError(this.closeReason);
    }
    this.#change("connected");
    for (const kept of this.outbox.toResend()) this.#put(kept.message);
    this.#listeners.emit("connected", resumed);
    return session;
  }

  /**
   * Say hello, and get the room back.
   * @param {import("./session.js").Session} session
   */
  async #greet(session) {
    this.#session = session;
    if (this.room) this.room.isWelcome = false;
    /** @type {Promise<Record<string, any>>} */
    const greeted = new Promise((resolve) => (this.#greeted = resolve));
    this.#put({
      type: "hello",
      version: 3,
      transport: "websocket",
      features: { pose: true, ...(this.#channel.wanted ? { webrtc: true } : {}) },
      audio_params: this.askedAudio,
      ...(this.sessionId ? { resume: this.sessionId } : {}),
    });
    const answer = await session.first(greeted);
    this.#greeted = null;
    if (answer.type !== "hello") throw new HostUnreachableError(String(answer.message ?? answer.reason ?? "the host refuses"));
    this.sessionId = answer.session_id;
    this.audio = answer.audio_params;
    const resumed = Boolean(answer.resumed);
    await this.#restoreRoom(session, resumed);
    if (answer.features?.webrtc) this.#channel.begin();
    return resumed;
  }

  /**
   * Be in the room again: by the resumed session, else by joining anew.
   * @param {import("./session.js").Session} session
   * @param {boolean} resumed
   */
  async #restoreRoom(session, resumed) {
    const room = this.room;
    if (!room || room.closed !== null) return;
    if (resumed) {
      await session.first(this.heartbeat.ping());
      if (room.isWelcome) return;
    }
    this.#refusals = [];
    this.#put({ type: "room", action: "join", room: room.name, ...room.request });
    await session.first(this.heartbeat.ping());
    if (!room.isWelcome) {
      this.room = null;
      room.gone(this.#refusals[0]?.message ?? "the host does not answer a join");
    }
  }

  /** @param {string} reason */
  #end(reason) {
    if (this.state === "closed") return;
    this.closeReason = reason;
    const lost = this.outbox.close();
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

  /** @param {object} message */
  #put(message) {
    this.#write(JSON.stringify(message));
  }

  /** @param {string | Uint8Array<ArrayBuffer>} data */
  #write(data) {
    if (this.#session?.socket.readyState !== WebSocket.OPEN) return;
    this.#session.socket.send(data);
    this.counts.messagesOut++;
    this.counts.bytesOut += data.length;
  }

  /**
   * Take a message of the host. A defect in a handler, or in a message, does not end the connection.
   * @param {string | ArrayBuffer} message
   */
  #receive(message) {
    this.heartbeat.received();
    this.counts.messagesIn++;
    this.counts.bytesIn += typeof message === "string" ? message.length : message.byteLength;
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
    if (kind === "pong") this.heartbeat.onPong(message);
    else if (kind === "room") this.#receiveRoom(message);
    else if (kind === "webrtc") this.#channel.take(message);
    else if (kind === "error") {
      error = new WireError(String(message.message ?? "refused"), String(message.code ?? "internal"));
      if (!OF_FRAMES.includes(error.code)) this.#refusals.push(error);
    }
    if (this.#greeted && ["hello", "error", "goodbye"].includes(kind)) this.#greeted(message);
    else if (error) this.#listeners.emit("error", error);
    if (!error) this.#listeners.emit(kind, message);
  }

  /** @param {Record<string, any>} message */
  #receiveRoom(message) {
    if (this.#joining && message.room === this.#joining.name) {
      if (message.event === "welcome") this.room = this.#joining;
      this.#joining.receive(message);
    } else if (this.room && message.room === this.room.name) {
      this.room.receive(message);
    }
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

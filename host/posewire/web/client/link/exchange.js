/** One session after another with a host: hello, what was agreed on, and what goes over the WebSocket. */

import { AnswerTimeoutError, HostUnreachableError, WireError } from "../errors.js";
import { noHost, silent } from "./host_problems.js";
import { writeJson } from "./json_text.js";

/** The code with which a host closes that was sent a longer message than it takes. */
const TOO_LONG = 1009;
const TOO_MUCH = "the message is longer than the host takes, which has closed the connection";

/**
 * @typedef {object} ExchangeUse
 * @property {import("../audio/codec.js").AudioParams} audio what this page asks for
 * @property {import("./heartbeat.js").Heartbeat} heartbeat
 * @property {import("../transports/pose_channel.js").PoseChannel} channel
 * @property {import("../rooms/room_place.js").RoomPlace} place
 * @property {(session: import("./session.js").Session, resumed: boolean) => void} greeted a session has begun; may throw
 */

export class Exchange {
  sessionId = "";
  counts = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0 };
  #use;
  /** @type {import("./session.js").Session | null} */
  #session = null;
  /** Takes the host's answer to this page's hello. @type {{take: (message: Record<string, any>) => void, misread: () => void} | null} */
  #answer = null;

  /** @param {ExchangeUse} use */
  constructor(use) {
    this.#use = use;
    /** What this page asked for, and since hello what was agreed on. */
    this.audio = use.audio;
  }

  /** The present session; null while the host is away. */
  get session() {
    return this.#session;
  }

  /** Whether the WebSocket takes messages. */
  get isOpen() {
    return this.#session?.socket.readyState === WebSocket.OPEN;
  }

  /** Bytes that the network has not taken yet. */
  get unsentBytes() {
    return this.#session?.socket.bufferedAmount ?? 0;
  }

  /**
   * Begin a session on an opened WebSocket: say hello, and get the room back. Throws HostUnreachableError.
   * @param {import("./session.js").Session} session
   * @param {URL} url
   * @param {number} timeoutMs
   */
  async begin(session, url, timeoutMs) {
    try {
      const resumed = await session.within(timeoutMs, this.#greet(session, url));
      this.#use.greeted(session, resumed);
    } catch (error) {
      this.#answer = null;
      session.abort("the host does not answer as a host does");
      this.#use.heartbeat.lost();
      this.#session = null;
      throw error instanceof AnswerTimeoutError ? silent(url, "does not answer in time") : error;
    }
  }

  /**
   * Use a session until it is lost.
   * @param {import("./session.js").Session} session
   */
  async talk(session) {
    const { heartbeat, channel } = this.#use;
    heartbeat.watch((reason) => session.abort(reason));
    const loss = await session.lost;
    // What the host refuses by closing is no loss of the network.
    heartbeat.lost(loss.code === TOO_LONG ? new WireError(TOO_MUCH, "too_many") : undefined);
    this.#session = null;
    channel.end();
    return loss;
  }

  /**
   * Take a message of the host where it answers this page's hello; returns whether it does.
   * @param {Record<string, any>} message
   */
  takeGreeting(message) {
    if (!this.#answer || !["hello", "error", "goodbye"].includes(message.type)) return false;
    this.#answer.take(message);
    return true;
  }

  /** Take the notice that what came is no message; returns whether it came in place of an answer to the hello. */
  takeMisread() {
    this.#answer?.misread();
    return this.#answer !== null;
  }

  /**
   * Send a text message; throws WireError where it is no JSON.
   * @param {object} message
   */
  put(message) {
    this.write(writeJson(message));
  }

  /** @param {string | Uint8Array<ArrayBuffer>} data */
  write(data) {
    if (!this.isOpen) return;
    this.#session?.socket.send(data);
    this.counts.messagesOut++;
    this.counts.bytesOut += data.length;
  }

  /**
   * Count what came.
   * @param {string | ArrayBuffer} message
   */
  received(message) {
    this.#use.heartbeat.received();
    this.counts.messagesIn++;
    this.counts.bytesIn += typeof message === "string" ? message.length : message.byteLength;
  }

  /**
   * @param {import("./session.js").Session} session
   * @param {URL} url
   */
  async #greet(session, url) {
    const { audio, channel, place } = this.#use;
    this.#session = session;
    place.lost();
    /** @type {Promise<Record<string, any>>} */
    const answered = new Promise((take, fail) => {
      this.#answer = { take, misread: () => fail(noHost(url, "it does not speak JSON")) };
    });
    const broken = session.lost.then(({ reason }) => Promise.reject(silent(url, `broke off: ${reason}`)));
    this.put({
      type: "hello",
      version: 3,
      transport: "websocket",
      features: { pose: true, ...(channel.wanted ? { webrtc: true } : {}) },
      audio_params: audio,
      ...(this.sessionId ? { resume: this.sessionId } : {}),
    });
    const answer = await Promise.race([answered, broken]);
    this.#answer = null;
    if (answer.type !== "hello")
      throw new HostUnreachableError(String(answer.message ?? answer.reason ?? "the host refuses"), answer.code);
    this.sessionId = answer.session_id;
    this.audio = answer.audio_params;
    const resumed = Boolean(answer.resumed);
    await place.restore(session, resumed);
    if (answer.features?.webrtc) channel.begin();
    return resumed;
  }
}

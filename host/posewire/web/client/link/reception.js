/** What comes from the host, and to whom it goes. */

import { WireError } from "../errors.js";
import { AUDIO, parseFrame } from "../frames.js";

/**
 * @typedef {object} ReceptionUse
 * @property {import("./heartbeat.js").Heartbeat} heartbeat
 * @property {import("../transports/pose_channel.js").PoseChannel} channel
 * @property {import("../rooms/room_place.js").RoomPlace} place
 * @property {import("./requests.js").Requests} requests
 * @property {import("./exchange.js").Exchange} exchange
 * @property {import("../listeners.js").Listeners} listeners
 */

/** Takes the messages of one connection. A defect in a handler, or in a message, does not end it. */
export class Reception {
  #use;
  /** The codes of refusals that were shown. @type {Set<string>} */
  #shown = new Set();

  /** @param {ReceptionUse} use */
  constructor(use) {
    this.#use = use;
  }

  /** @param {string | ArrayBuffer} message */
  receive(message) {
    const { exchange, listeners } = this.#use;
    exchange.received(message);
    try {
      if (typeof message === "string") this.#receiveText(message);
      else this.#receiveBinary(new Uint8Array(message));
    } catch (error) {
      listeners.failed(error, "a message of the host");
    }
  }

  /** @param {string} text */
  #receiveText(text) {
    const { heartbeat, channel, place, exchange, listeners } = this.#use;
    /** @type {Record<string, any>} */
    let message;
    try {
      message = JSON.parse(text);
    } catch (cause) {
      if (exchange.takeMisread()) return;
      throw new WireError("a message of the host is not JSON", "bad_json", { cause });
    }
    const kind = message.type;
    if (kind === "error") {
      this.#refused(message);
      return;
    }
    if (kind === "pong") heartbeat.onPong(message);
    else if (kind === "room") place.receive(message);
    else if (kind === "webrtc") channel.take(message);
    exchange.takeGreeting(message);
    listeners.emit(kind, message);
  }

  /**
   * Take a refusal: who has asked is told, else the handlers of `error`, else the console, once for each code.
   * @param {Record<string, any>} message
   */
  #refused(message) {
    const { requests, exchange, listeners } = this.#use;
    const error = new WireError(String(message.message ?? "refused"), String(message.code ?? "internal"));
    const isAnswer = message.of !== "frame" && requests.refused(error);
    if (exchange.takeGreeting(message) || listeners.emit("error", error) || isAnswer || this.#shown.has(error.code)) return;
    this.#shown.add(error.code);
    console.warn(`the host refuses what this page has sent (${error.code}): ${error.message}`);
  }

  /** @param {Uint8Array} message */
  #receiveBinary(message) {
    const { place, listeners } = this.#use;
    const frame = parseFrame(message);
    if (frame.type === AUDIO && !frame.memberId) listeners.emit("audio", frame.payload);
    else place.room?.receiveFrame(frame);
  }
}

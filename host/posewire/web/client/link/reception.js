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
    const { heartbeat, channel, place, requests, exchange, listeners } = this.#use;
    /** @type {Record<string, any>} */
    let message;
    try {
      message = JSON.parse(text);
    } catch (cause) {
      if (exchange.takeMisread()) return;
      throw new WireError("a message of the host is not JSON", "bad_json", { cause });
    }
    const kind = message.type;
    /** @type {WireError | null} */
    let error = null;
    if (kind === "pong") heartbeat.onPong(message);
    else if (kind === "room") place.receive(message);
    else if (kind === "webrtc") channel.take(message);
    else if (kind === "error") {
      error = new WireError(String(message.message ?? "refused"), String(message.code ?? "internal"));
      requests.refused(error);
    }
    if (!exchange.takeGreeting(message) && error) listeners.emit("error", error);
    if (!error) listeners.emit(kind, message);
  }

  /** @param {Uint8Array} message */
  #receiveBinary(message) {
    const { place, listeners } = this.#use;
    const frame = parseFrame(message);
    if (frame.type === AUDIO && !frame.memberId) listeners.emit("audio", frame.payload);
    else place.room?.receiveFrame(frame);
  }
}

/** Messages between the members of a room: to all, or to one, JSON or bytes. */

import { writeJson } from "../link/json_text.js";
import { NotDeliveredError, WireError } from "../errors.js";

const LONGEST = 16 * 1024;
const TIMEOUT_MS = 30_000;

/**
 * @typedef {object} RoomMessage
 * @property {number} memberId of the sender
 * @property {string} device
 * @property {any} data JSON, or a Uint8Array
 * @property {number | null} to the member whom it is for; null: all
 * @property {number} number
 */

/** @typedef {{resolve: (delivered: number) => void, reject: (error: Error) => void}} Waiting */

/** Sends and receives the messages of one room; each once, whatever happens to the connection meanwhile. */
export class RoomMessages {
  /** Messages that were said while this page was away, and that the host no longer has. */
  lost = 0;
  // Above what an earlier page with the same device id has used.
  #next = Date.now();
  /** @type {Map<number, Waiting>} */
  #waiting = new Map();
  /** @type {number | null} */
  #last = null;
  #over = "";
  /** @type {Map<number, RoomMessage>} */
  #held = new Map();
  #catchingUp = false;

  /**
   * @param {import("../connection.js").HostConnection} host
   * @param {string} room
   */
  constructor(host, room) {
    this.host = host;
    this.room = room;
  }

  /**
   * Send, and wait for the host's word that it has given it to so many members.
   * @param {any} data
   * @param {number | null} to
   * @returns {Promise<number>}
   */
  send(data, to) {
    const number = this.#next;
    const message = this.#message(data, to);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#forget(number);
        reject(new NotDeliveredError(`the host has not confirmed a message within ${TIMEOUT_MS / 1000} s`));
      }, TIMEOUT_MS);
      this.#waiting.set(number, {
        resolve: (delivered) => (clearTimeout(timer), resolve(delivered)),
        reject: (error) => (clearTimeout(timer), reject(error)),
      });
      try {
        this.host.send(message, number);
      } catch (error) {
        clearTimeout(timer);
        this.#forget(number);
        reject(error);
      }
    });
  }

  /**
   * Send without waiting, and without the host's word.
   * @param {any} data
   * @param {number | null} to
   */
  post(data, to) {
    this.host.send(this.#message(data, to));
  }

  /**
   * Take a `room` event; returns the messages that are complete with it, in order, each once.
   * @param {Record<string, any>} event
   * @returns {RoomMessage[]}
   */
  receive(event) {
    switch (event.event) {
      case "sent":
        this.#forget(event.number)?.resolve(event.delivered);
        break;
      case "refused":
        this.#forget(event.number)?.reject(new WireError(event.message, event.code));
        break;
      case "welcome":
        this.#catchUp(event.last_message ?? null);
        break;
      case "message":
        this.#held.set(event.number, readMessage(event));
        break;
      case "caught_up":
        this.lost += event.missed;
        this.#catchingUp = false;
    }
    if (this.#catchingUp) return []; // what is said at this moment comes after what was said before
    const last = this.#last;
    const ready = [...this.#held.values()].filter(({ number }) => last === null || number > last);
    this.#held.clear();
    ready.sort((a, b) => a.number - b.number);
    this.#last = ready.at(-1)?.number ?? this.#last;
    return ready;
  }

  /**
   * Give up what waits: the room is over.
   * @param {string} reason
   */
  gone(reason) {
    this.#over = reason;
    for (const number of [...this.#waiting.keys()]) {
      this.#forget(number)?.reject(new NotDeliveredError(`a message was not delivered: ${reason}`));
    }
  }

  /** @param {number} number */
  #forget(number) {
    this.host.confirmed(number);
    const waiting = this.#waiting.get(number);
    this.#waiting.delete(number);
    return waiting;
  }

  /**
   * @param {any} data
   * @param {number | null} to
   */
  #message(data, to) {
    if (this.#over) throw new NotDeliveredError(`a message was not delivered: ${this.#over}`);
    /** @type {Record<string, any>} */
    const message = { type: "room", action: "send", room: this.room, number: this.#next };
    if (to !== null) message.to = to;
    let size;
    if (data instanceof Uint8Array) {
      size = data.length;
      message.bytes = toBase64(data);
    } else {
      size = new TextEncoder().encode(writeJson(data)).length;
      message.data = data;
    }
    if (size > LONGEST) throw new WireError(`a message has at most ${LONGEST} bytes, not ${size}`, "too_many");
    this.#next++;
    return message;
  }

  /** @param {number | null} newest */
  #catchUp(newest) {
    this.#catchingUp = this.#last !== null && newest !== null && newest > this.#last;
    if (this.#catchingUp) this.host.send({ type: "room", action: "catch_up", after: this.#last });
    else this.#last = newest;
  }
}

/**
 * @param {Record<string, any>} event
 * @returns {RoomMessage}
 */
const readMessage = (event) => ({
  memberId: event.member_id,
  device: event.device,
  data: "bytes" in event ? fromBase64(event.bytes) : (event.data ?? null),
  to: event.to ?? null,
  number: event.number,
});

/** @param {string} text */
export const fromBase64 = (text) => Uint8Array.from(atob(text), (char) => char.charCodeAt(0));

/** @param {Uint8Array} bytes */
const toBase64 = (bytes) => btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""));

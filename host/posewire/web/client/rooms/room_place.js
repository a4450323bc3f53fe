/** The room that a connection is in: how it is joined, and kept over a lost connection. */

import { WireError } from "../errors.js";

/**
 * @typedef {object} PlaceUse
 * @property {import("../link/heartbeat.js").Heartbeat} heartbeat
 * @property {import("../link/requests.js").Requests} requests
 * @property {(message: object) => void} say puts a message on the way
 */

/** The place of a connection in a room: one at a time. */
export class RoomPlace {
  /** @type {import("./room.js").Room | null} */
  room = null;
  #use;
  /** @type {import("./room.js").Room | null} */
  #joining = null;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @param {PlaceUse} use */
  constructor(use) {
    this.#use = use;
  }

  /**
   * Join a room, and leave the one before it. Throws WireError where the host refuses.
   * @param {import("./room.js").Room} joining
   * @param {boolean} create
   */
  join(joining, create) {
    const joined = this.#last.then(() => this.#join(joining, create));
    this.#last = joined.catch(() => {});
    return joined;
  }

  /**
   * @param {import("./room.js").Room} joining
   * @param {boolean} create
   */
  async #join(joining, create) {
    const before = this.room;
    this.#joining = joining;
    try {
      await this.#use.requests.ask(joinMessage(joining, create ? "create" : "join"));
      if (this.room !== joining)
        throw new WireError(`the host has not let this page into the room "${joining.name}"`, "room_denied");
    } catch (error) {
      joining.gone(String(error));
      throw error;
    } finally {
      this.#joining = null;
    }
    before?.gone("this page has joined another room");
  }

  /**
   * Take a `room` message of the host.
   * @param {Record<string, any>} message
   */
  receive(message) {
    if (this.#joining && message.room === this.#joining.name) {
      if (message.event === "welcome") this.room = this.#joining;
      this.#joining.receive(message);
    } else if (this.room && message.room === this.room.name) {
      this.room.receive(message);
    }
  }

  /** Note that the host is away: it has not welcomed this page since. */
  lost() {
    if (this.room) this.room.isWelcome = false;
  }

  /**
   * Be in the room again: by the resumed session, else by joining anew.
   * @param {import("../link/session.js").Session} session
   * @param {boolean} resumed
   */
  async restore(session, resumed) {
    const { heartbeat, requests, say } = this.#use;
    const room = this.room;
    if (!room || room.closed !== null) return;
    if (resumed) {
      await session.first(heartbeat.ping());
      if (room.isWelcome) return;
    }
    requests.begin();
    say(joinMessage(room, "join"));
    await session.first(heartbeat.ping());
    if (!room.isWelcome) {
      this.room = null;
      room.gone(requests.refusal?.message ?? "the host does not answer a join");
    }
  }
}

/**
 * @param {import("./room.js").Room} room
 * @param {string} action
 */
const joinMessage = (room, action) => ({ type: "room", action, room: room.name, ...room.request });

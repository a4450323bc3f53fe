/** Whether the host is there: the state of a connection, why it is over, and who waits for it. */

import { NotConnectedError } from "../errors.js";

/** @typedef {"new" | "connecting" | "connected" | "reconnecting" | "closed"} ConnectionState */

export class Presence {
  /** @type {ConnectionState} */
  state = "new";
  /** Why the connection is over; empty while it is not. */
  closeReason = "";
  #over = new AbortController();
  #listeners;

  /** @param {import("../listeners.js").Listeners} listeners */
  constructor(listeners) {
    this.#listeners = listeners;
  }

  get connected() {
    return this.state === "connected";
  }

  get isClosed() {
    return this.state === "closed";
  }

  /** Is aborted, with a NotConnectedError, when the connection is over. */
  get over() {
    return this.#over.signal;
  }

  /** Throws NotConnectedError unless the connection was opened and is not over. */
  requireOpen() {
    if (this.state === "new" || this.isClosed) throw new NotConnectedError(this.closeReason || "the connection is not open");
  }

  /** It is being opened for the first time. */
  begins() {
    if (this.state !== "new") throw new NotConnectedError("this connection was opened before: make another one");
    this.#change("connecting");
  }

  /** The host is there. */
  arrives() {
    this.#change("connected");
  }

  /** @param {string} reason */
  lost(reason) {
    this.#change("reconnecting");
    this.#listeners.emit("disconnected", reason);
  }

  /**
   * It is over; returns whether it was not before.
   * @param {string} reason
   */
  ends(reason) {
    if (this.isClosed) return false;
    this.closeReason = reason;
    this.#change("closed");
    this.#over.abort(new NotConnectedError(reason));
    return true;
  }

  /**
   * Wait until the host is there; throws NotConnectedError.
   * @param {number} timeoutMs
   * @returns {Promise<void>}
   */
  waitConnected(timeoutMs) {
    return new Promise((resolve, reject) => {
      /** @param {() => void} settle */
      const finish = (settle) => {
        clearTimeout(timer);
        stop();
        settle();
      };
      const look = () => {
        if (this.connected) finish(resolve);
        else if (this.isClosed) finish(() => reject(new NotConnectedError(this.closeReason)));
      };
      const timer = setTimeout(
        () => finish(() => reject(new NotConnectedError(`the host has been away for ${timeoutMs / 1000} s`))),
        timeoutMs,
      );
      const stop = this.#listeners.on("changed", look);
      look();
    });
  }

  /** @param {ConnectionState} state */
  #change(state) {
    const old = this.state;
    this.state = state;
    this.#listeners.emit("changed", old, state);
  }
}

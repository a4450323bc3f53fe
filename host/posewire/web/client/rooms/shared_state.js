/** The shared state of a room, or another of the host's, as an object that follows it (docs/wire.md section 2.5). */

import { HostUnreachableError, NotDeliveredError } from "../errors.js";

const ATTEMPTS = 8;
/** For a host that is away. */
const PATIENCE_MS = 30_000;

/**
 * Apply a JSON merge patch (RFC 7396); the value stays as it is, the result may share parts with it.
 * @param {any} value
 * @param {any} changes
 * @returns {any}
 */
export function applyPatch(value, changes) {
  if (changes === null || typeof changes !== "object" || Array.isArray(changes)) return changes;
  const result = value !== null && typeof value === "object" && !Array.isArray(value) ? { ...value } : {};
  for (const [name, change] of Object.entries(changes)) {
    if (change === null) delete result[name];
    else
      Object.defineProperty(result, name, {
        value: applyPatch(result[name], change),
        enumerable: true,
        writable: true,
        configurable: true,
      });
  }
  return result;
}

/** Follows a state of the host, also over a lost connection: `value` is always the newest that has come. */
export class LiveState {
  /** @type {Record<string, any>} */
  value = {};
  /** The version that is held; null before the first. @type {number | null} */
  version = null;
  /** Is called with the changes (a merge patch), or with the whole where they are not known. @type {((changes: Record<string, any>) => void) | null} */
  onChange = null;
  /** @type {(() => void)[]} */
  #stop;

  /** Is called when it is followed no longer. */
  #closed;

  /**
   * @param {import("../connection.js").HostConnection} host
   * @param {string} name
   * @param {() => void} [closed]
   */
  constructor(host, name, closed = () => {}) {
    this.name = name;
    this.host = host;
    this.#closed = closed;
    this.#stop = [
      host.on("state", (message) => this.#receive(message)),
      host.on("connected", () => host.send(this.#message("subscribe", { version: this.version }))),
    ];
  }

  /** Begin to follow; throws WireError where there is no such state, or this page may not read it. */
  async follow() {
    try {
      await this.host.request(this.#message("subscribe"));
    } catch (error) {
      for (const stop of this.#stop) stop();
      throw error;
    }
  }

  /**
   * Change members, of inner objects, too (a merge patch; null removes one); returns when the host has it.
   * @param {Record<string, any>} changes
   */
  async update(changes) {
    // It has an id, by which the host knows one that arrived already, and no base: others may change it meanwhile.
    const message = this.#message("patch", { patch: crypto.getRandomValues(new Uint32Array(2)).join("-"), changes });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      try {
        await this.host.request(message);
        return;
      } catch (error) {
        if (!(error instanceof HostUnreachableError)) throw error;
        await this.host.waitConnected(PATIENCE_MS); // whether it arrived is not known
      }
    }
    throw new NotDeliveredError(`the connection was lost ${ATTEMPTS} times before the host had the change`);
  }

  /** Follow it no longer. */
  close() {
    for (const stop of this.#stop) stop();
    this.#closed();
    if (this.host.connected) this.host.send(this.#message("unsubscribe"));
  }

  /**
   * @param {string} action
   * @param {object} [fields]
   */
  #message(action, fields = {}) {
    return { type: "state", action, name: this.name, ...fields };
  }

  /** @param {Record<string, any>} message */
  #receive(message) {
    if (message.name !== this.name) return;
    if ("value" in message) {
      const isNew = message.version !== this.version;
      this.value = message.value;
      this.version = message.version;
      if (isNew) this.onChange?.(this.value);
    } else if (this.version !== null && message.version <= this.version) {
      return;
    } else if (message.base !== this.version) {
      this.host.send(this.#message("get"));
    } else {
      this.value = applyPatch(this.value, message.changes);
      this.version = message.version;
      this.onChange?.(message.changes);
    }
  }
}

/** Requests to the host: something is said, and the host has handled it when it answers the ping behind it. */

/**
 * @typedef {object} RequestsUse
 * @property {import("./heartbeat.js").Heartbeat} heartbeat
 * @property {(message: object) => void} say puts a message on the way
 * @property {() => Promise<void>} waitConnected
 * @property {number} timeoutMs
 */

/** Makes one request at a time. */
export class Requests {
  #use;
  /** @type {import("../errors.js").WireError[]} */
  #refusals = [];
  #asking = false;
  /** @type {Promise<unknown>} */
  #last = Promise.resolve();

  /** @param {RequestsUse} use */
  constructor(use) {
    this.#use = use;
  }

  /** The first error since `begin`; null where there was none. */
  get refusal() {
    return this.#refusals[0] ?? null;
  }

  /** Forget the refusals of before. */
  begin() {
    this.#refusals = [];
  }

  /**
   * Take an error that a message has caused: the request under way. Returns whether one is, whose caller is told.
   * @param {import("../errors.js").WireError} error
   */
  refused(error) {
    this.#refusals.push(error);
    return this.#asking;
  }

  /**
   * Send a message and wait until the host has handled it. Throws WireError where the host refuses,
   * AnswerTimeoutError, NotConnectedError, and HostUnreachableError where the connection was lost before.
   * @param {Record<string, any>} message
   * @returns {Promise<void>}
   */
  ask(message) {
    const asked = this.#last.then(() => this.#ask(message));
    this.#last = asked.catch(() => {});
    return asked;
  }

  /** @param {Record<string, any>} message */
  async #ask(message) {
    const { heartbeat, say, waitConnected, timeoutMs } = this.#use;
    await waitConnected();
    this.begin();
    this.#asking = true;
    try {
      say(message);
      await heartbeat.barrier(timeoutMs);
    } finally {
      this.#asking = false;
    }
    if (this.refusal) throw this.refusal;
  }
}

/** The life of a connection: talked over until it is lost, opened again, until it is over. */

import { ConfigError, PosewireError, UnauthorizedError } from "../errors.js";
import { pause } from "./waking.js";

/** Ms for the first attempt after a loss; each further one has twice as long, up to the connection's time-out. */
const FIRST_TIMEOUT_MS = 1500;
const REPLACED = 4000;

/**
 * @typedef {object} LifeEvents
 * @property {(session: import("./session.js").Session) => Promise<import("./session.js").Loss>} talk uses a session until it is lost
 * @property {(reason: string) => void} lost it was lost, and is being opened again
 * @property {(error: UnauthorizedError) => void} refused the host no longer lets this page in
 * @property {(error: unknown) => void} failed an exception that is no error of ours
 * @property {(reason: string) => void} ended it is over
 * @property {AbortSignal} over is aborted when it is over, also because this page has closed it
 */

export class Life {
  reconnects = 0;

  /**
   * @param {import("./dialer.js").Dialer} dialer
   * @param {string} device
   * @param {import("./reconnect.js").Strategy} reconnect
   * @param {number} timeoutMs
   * @param {LifeEvents} events
   */
  constructor(dialer, device, reconnect, timeoutMs, events) {
    if (typeof reconnect !== "function")
      throw new ConfigError("reconnect must be a strategy: a function from the number of the attempt to milliseconds, or null");
    this.dialer = dialer;
    this.device = device;
    this.reconnect = reconnect;
    this.timeoutMs = timeoutMs;
    this.events = events;
  }

  /**
   * Live on with a session, until the connection is over.
   * @param {import("./session.js").Session} first
   */
  async run(first) {
    try {
      await this.#run(first);
    } catch (error) {
      // The page's own function, `reconnect`, has failed: nothing else here does.
      this.events.failed(error);
      this.events.ended(`reconnect failed: ${error}`);
    }
  }

  /** @param {import("./session.js").Session} first */
  async #run(first) {
    /** @type {import("./session.js").Session | null} */
    let session = first;
    while (session) {
      /** @type {import("./session.js").Loss} */
      const loss = await this.events.talk(session);
      session = this.events.over.aborted ? null : await this.#comeBack(loss);
    }
  }

  /** @param {import("./session.js").Loss} loss */
  async #comeBack({ code, reason }) {
    const { events } = this;
    if (code === REPLACED && !reason.endsWith("and client")) {
      events.ended(`another page has connected with the device id "${this.device}"`);
      return null;
    }
    events.lost(reason);
    for (let attempt = 1; ; attempt++) {
      const ms = this.reconnect(attempt);
      if (ms === null) {
        events.ended(reason);
        return null;
      }
      await pause(ms, events.over);
      if (events.over.aborted) return null;
      try {
        const session = await this.dialer.dial(Math.min(this.timeoutMs, FIRST_TIMEOUT_MS * 2 ** Math.min(attempt - 1, 8)));
        this.reconnects++;
        return session;
      } catch (error) {
        if (events.over.aborted) return null;
        // What is wrong in this page is not mended by trying again, and is told.
        if (!(error instanceof PosewireError) || error instanceof ConfigError) events.failed(error);
        if (error instanceof UnauthorizedError) {
          events.refused(error);
          events.ended(error.message);
          return null;
        }
      }
    }
  }
}

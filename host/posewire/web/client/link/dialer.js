/** Opens a connection at one of the addresses of a host, with this page's name and token. */

import { UnauthorizedError } from "../errors.js";
import { openSocket } from "./session.js";

/**
 * @typedef {object} DialerUse
 * @property {string[]} urls several stand in for each other
 * @property {string | (() => string | Promise<string>)} token
 * @property {string} device
 * @property {string} clientId
 * @property {(message: string | ArrayBuffer) => void} receive
 * @property {(session: import("./session.js").Session, timeoutMs: number) => Promise<void>} begin says hello; fails
 *   where the host refuses
 */

export class Dialer {
  /** Attempts so far, one for each address. */
  attempts = 0;
  /** The address of the present connection, or of the last one. */
  url = "";
  #use;
  #urls;

  /** @param {DialerUse} use */
  constructor(use) {
    this.#use = use;
    this.#urls = [...use.urls];
  }

  /**
   * Try each address once, until one takes this page; what failed last comes last.
   * @param {number} timeoutMs
   */
  async dial(timeoutMs) {
    /** @type {unknown} */
    let last = null;
    for (const url of [...this.#urls]) {
      this.attempts++;
      try {
        const session = await openSocket(await this.#addressed(url), timeoutMs, this.#use.receive);
        await this.#use.begin(session, timeoutMs);
        this.url = url;
        return session;
      } catch (error) {
        // A host that is there and says no counts for more than one that is away.
        if (!(last instanceof UnauthorizedError)) last = error;
        this.#urls.push(/** @type {string} */ (this.#urls.shift()));
      }
    }
    throw last;
  }

  /** @param {string} address */
  async #addressed(address) {
    const { token, device, clientId } = this.#use;
    const url = new URL(address, document.baseURI);
    url.protocol = url.protocol.replace("http", "ws");
    url.searchParams.set("device-id", device);
    url.searchParams.set("client-id", clientId);
    url.searchParams.set("protocol-version", "3");
    const given = typeof token === "function" ? await token() : token;
    if (given) url.searchParams.set("authorization", `Bearer ${given}`);
    return url;
  }
}

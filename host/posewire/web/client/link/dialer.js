/** Opens a connection at one of the addresses of a host, with this page's name and token. */

import { ConfigError, UnauthorizedError } from "../errors.js";
import { openSocket } from "./session.js";

/**
 * @typedef {object} DialerUse
 * @property {readonly string[]} urls several stand in for each other
 * @property {string | (() => string | Promise<string>)} token
 * @property {string} device
 * @property {string} clientId
 * @property {AbortSignal} over is aborted when the connection is closed: that ends an attempt
 * @property {(message: string | ArrayBuffer) => void} receive
 * @property {(session: import("./session.js").Session, url: URL, timeoutMs: number) => Promise<void>} begin says hello;
 *   fails where the host refuses
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
    if (!use.urls.length) throw new ConfigError("a connection needs the address of a host");
    this.#use = use;
    this.#urls = use.urls.map(readAddress);
  }

  /**
   * Try each address once, until one takes this page; what failed last comes last.
   * @param {number} timeoutMs
   */
  async dial(timeoutMs) {
    const { over, receive, begin } = this.#use;
    /** @type {unknown} */
    let last = null;
    for (const url of [...this.#urls]) {
      this.attempts++;
      try {
        const session = await openSocket(await this.#addressed(url), timeoutMs, receive, over);
        await begin(session, url, timeoutMs);
        this.url = url.href;
        return session;
      } catch (error) {
        over.throwIfAborted();
        // A host that is there and says no counts for more than one that is away.
        if (!(last instanceof UnauthorizedError)) last = error;
        this.#urls.push(/** @type {URL} */ (this.#urls.shift()));
      }
    }
    throw last;
  }

  /** @param {URL} address */
  async #addressed(address) {
    const { device, clientId } = this.#use;
    const url = new URL(address);
    url.searchParams.set("device-id", device);
    url.searchParams.set("client-id", clientId);
    url.searchParams.set("protocol-version", "3");
    const token = await this.#token();
    if (token) url.searchParams.set("authorization", `Bearer ${token}`);
    return url;
  }

  async #token() {
    const { token } = this.#use;
    if (typeof token !== "function") return token;
    try {
      return await token();
    } catch (cause) {
      throw new ConfigError(`the function that gives the token failed: ${cause}`, undefined, { cause });
    }
  }
}

/**
 * @param {string} address relative to the page, where there is one
 */
function readAddress(address) {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  const url = URL.canParse(address, base) ? new URL(address, base) : null;
  if (url) url.protocol = url.protocol.replace("http", "ws");
  if (!url || !["ws:", "wss:"].includes(url.protocol) || url.hash)
    throw new ConfigError(`the host's URL must begin with ws:// or wss://, not ${JSON.stringify(address)}`);
  return url;
}

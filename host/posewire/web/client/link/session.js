/** One opened WebSocket, until it is lost. */

import { AnswerTimeoutError, HostUnreachableError, ProviderError } from "../errors.js";
import { pageWantsTls, silent } from "./host_problems.js";
import { whyUnopened } from "./unopened.js";

/** @typedef {{code: number, reason: string}} Loss */

export class Session {
  /** Is fulfilled when the socket is gone. @type {Promise<Loss>} */
  lost;
  /** @type {(loss: Loss) => void} */
  #lose = () => {};

  /** @param {WebSocket} socket */
  constructor(socket) {
    this.socket = socket;
    this.lost = new Promise((resolve) => (this.#lose = resolve));
    socket.onclose = ({ code, reason }) => this.#lose({ code, reason: reason || "the connection was lost" });
  }

  /**
   * Wait for an answer; throws HostUnreachableError when the connection is lost before.
   * @template T
   * @param {Promise<T>} answer
   * @returns {Promise<T>}
   */
  first(answer) {
    const lost = this.lost.then(({ reason }) => Promise.reject(new HostUnreachableError(reason)));
    return Promise.race([answer, lost]);
  }

  /**
   * @template T
   * @param {number} ms
   * @param {Promise<T>} work
   * @returns {Promise<T>}
   */
  async within(ms, work) {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    try {
      return await Promise.race([
        work,
        new Promise((_, reject) => {
          timer = setTimeout(() => reject(new AnswerTimeoutError(ms)), ms);
        }),
      ]);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * End it, without waiting for the host.
   * @param {string} reason
   */
  abort(reason) {
    this.socket.onmessage = null;
    this.socket.close();
    this.#lose({ code: 1006, reason });
  }

  /** Wait for the host to close, a second at most. */
  async close() {
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    await Promise.race([this.lost, new Promise((resolve) => (timer = setTimeout(resolve, 1000)))]);
    clearTimeout(timer);
    this.abort("closed by this page");
  }
}

/**
 * Open a WebSocket; throws HostUnreachableError, UnauthorizedError, or the signal's reason.
 * @param {URL} url
 * @param {number} timeoutMs
 * @param {(message: string | ArrayBuffer) => void} receive
 * @param {AbortSignal} signal ends the attempt
 * @returns {Promise<Session>}
 */
export async function openSocket(url, timeoutMs, receive, signal) {
  signal.throwIfAborted();
  const socket = newSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => receive(data);
  const session = new Session(socket);
  const opened = new Promise((resolve) => (socket.onopen = () => resolve(undefined)));
  const stop = () => session.abort("closed by this page");
  signal.addEventListener("abort", stop);
  try {
    await session.within(timeoutMs, session.first(opened));
  } catch (error) {
    session.abort("no answer");
    signal.throwIfAborted();
    throw error instanceof AnswerTimeoutError ? silent(url, "does not answer in time") : await whyUnopened(url);
  } finally {
    signal.removeEventListener("abort", stop);
  }
  return session;
}

/** @param {URL} url */
function newSocket(url) {
  if (typeof WebSocket === "undefined")
    throw new ProviderError("this program has no WebSocket: browsers have it, and Node from version 22 on");
  try {
    return new WebSocket(url);
  } catch (error) {
    if (error instanceof DOMException && error.name === "SecurityError") throw pageWantsTls(url);
    throw error;
  }
}

/** One opened WebSocket, until it is lost. */

import { AnswerTimeoutError, HostUnreachableError, UnauthorizedError } from "../errors.js";

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
    await Promise.race([this.lost, new Promise((resolve) => setTimeout(resolve, 1000))]);
    this.abort("closed by this page");
  }
}

/**
 * Open a WebSocket; throws HostUnreachableError, or UnauthorizedError.
 * @param {URL} url
 * @param {number} timeoutMs
 * @param {(message: string | ArrayBuffer) => void} receive
 * @returns {Promise<Session>}
 */
export async function openSocket(url, timeoutMs, receive) {
  const socket = new WebSocket(url);
  socket.binaryType = "arraybuffer";
  socket.onmessage = ({ data }) => receive(data);
  const session = new Session(socket);
  const opened = new Promise((resolve) => (socket.onopen = () => resolve(undefined)));
  try {
    await session.within(timeoutMs, session.first(opened));
  } catch (error) {
    session.abort("no answer");
    throw (
      (await refusal(url)) ??
      new HostUnreachableError(`no host answers at ${url.origin}: ${error instanceof Error ? error.message : error}`)
    );
  }
  return session;
}

/**
 * Find out whether a host has refused: browsers do not say why a WebSocket did not open.
 * @param {URL} url
 */
async function refusal(url) {
  const http = new URL(url);
  http.protocol = url.protocol.replace("ws", "http");
  try {
    const answer = await fetch(http, { cache: "no-store", signal: AbortSignal.timeout(3000) });
    if (![401, 403, 429].includes(answer.status)) return null;
    const { message } = await answer.json();
    return new UnauthorizedError(message);
  } catch {
    return null;
  }
}

/** A data channel of WebRTC to a host (docs/wire.md section 2.13): messages may be lost or overtaken, none waits. */

import { monotonicMs } from "../clock.js";
import { HostUnreachableError, NotConnectedError } from "../errors.js";
import { PROBE, buildFrame } from "../frames.js";

/** Bytes that may wait for the network; poses beyond are left out. */
const MAX_WAITING = 8 * 1024;
/** After so long a probe that was not answered is sent again, at least: it may be lost. */
const AGAIN_MS = 40;

/**
 * Open a data channel; fails with HostUnreachableError where no packet comes through in time.
 * @param {(offer: string) => Promise<string>} ask gives the host an offer and returns its answer, both as SDP
 * @param {(message: ArrayBuffer) => void} receive
 * @param {number} timeoutMs
 * @returns {Promise<DataChannel>}
 */
export async function openDataChannel(ask, receive, timeoutMs) {
  // No STUN servers: the host answers at the address from which it is reached.
  const connection = new RTCPeerConnection();
  const channel = new DataChannel(connection, receive);
  const timer = setTimeout(() => channel.end("no packet comes through"), timeoutMs);
  const lost = channel.lost.then((why) => Promise.reject(new HostUnreachableError(`no data channel opens: ${why}`)));
  try {
    await Promise.race([negotiate(connection, channel, ask), lost]);
  } catch (error) {
    channel.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return channel;
}

/**
 * @param {RTCPeerConnection} connection
 * @param {DataChannel} channel
 * @param {(offer: string) => Promise<string>} ask
 */
async function negotiate(connection, channel, ask) {
  await connection.setLocalDescription();
  await gathered(connection);
  const sdp = await ask(connection.localDescription?.sdp ?? "");
  await connection.setRemoteDescription({ type: "answer", sdp });
  await channel.opened;
  while (!channel.ended && !(await channel.probe(1000)));
}

/** An open data channel (`FirstTransport` of fallback.js). */
export class DataChannel {
  name = "webrtc";
  /** Is fulfilled with the reason when it is gone. @type {Promise<string>} */
  lost;
  heardMs = 0;
  roundTripMs = AGAIN_MS;
  ended = false;
  #connection;
  #channel;
  #counts = { messagesIn: 0, messagesOut: 0, bytesIn: 0, bytesOut: 0, leftOut: 0 };
  #number = 0;
  /** When each probe was sent that was not answered. @type {Map<number, number>} */
  #sent = new Map();
  /** @type {Set<() => void>} */
  #probing = new Set();
  /** @type {(why: string) => void} */
  #lose = () => {};

  /**
   * @param {RTCPeerConnection} connection
   * @param {(message: ArrayBuffer) => void} receive
   */
  constructor(connection, receive) {
    this.lost = new Promise((resolve) => (this.#lose = resolve));
    this.#connection = connection;
    this.#channel = connection.createDataChannel("poses", { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 });
    this.#channel.binaryType = "arraybuffer";
    this.#channel.onmessage = ({ data }) => this.#take(data, receive);
    this.#channel.onclose = () => this.end("the host has closed the data channel");
    this.opened = new Promise((resolve) => (this.#channel.onopen = () => resolve(undefined)));
    connection.onconnectionstatechange = () => {
      if (connection.connectionState === "failed") this.end("no packet comes through");
    };
  }

  get unsentBytes() {
    return this.#channel.bufferedAmount;
  }

  /**
   * Send a message. One for which there is no room is left out.
   * @param {Uint8Array<ArrayBuffer>} message
   */
  send(message) {
    if (this.#channel.readyState !== "open") throw new NotConnectedError("the data channel is not open");
    if (this.#channel.bufferedAmount > MAX_WAITING) {
      this.#counts.leftOut++;
      return;
    }
    this.#channel.send(message);
    this.#counts.messagesOut++;
    this.#counts.bytesOut += message.length;
  }

  /**
   * Send a probe, again until one is answered; returns whether one was in time.
   * @param {number} patienceMs
   * @returns {Promise<boolean>}
   */
  probe(patienceMs) {
    return new Promise((resolve) => {
      /** @param {boolean} isAnswered */
      const done = (isAnswered) => {
        clearInterval(again);
        clearTimeout(timer);
        this.#probing.delete(answered);
        resolve(isAnswered);
      };
      const answered = () => done(true);
      this.#probing.add(answered);
      const again = setInterval(() => this.#sendProbe(), Math.max(AGAIN_MS, 1.25 * this.roundTripMs));
      const timer = setTimeout(() => done(false), patienceMs);
      this.#sendProbe();
    });
  }

  /** What was counted; `leftOut`: messages for which there was no room. */
  statistics() {
    return { ...this.#counts, roundTripMs: this.roundTripMs };
  }

  close() {
    this.end("closed by this page");
  }

  /**
   * Note that it is over.
   * @param {string} why
   */
  end(why) {
    if (this.ended) return;
    this.ended = true;
    this.#connection.close();
    this.#lose(why);
  }

  #sendProbe() {
    if (this.#channel.readyState !== "open") return;
    const number = (this.#number = (this.#number + 1) >>> 0);
    const payload = new Uint8Array(4);
    new DataView(payload.buffer).setUint32(0, number);
    const now = monotonicMs();
    this.#sent.set(number, now);
    for (const [old, at] of this.#sent) if (now - at > 10_000) this.#sent.delete(old);
    this.#channel.send(buildFrame(PROBE, payload));
  }

  /**
   * @param {ArrayBuffer} data
   * @param {(message: ArrayBuffer) => void} receive
   */
  #take(data, receive) {
    this.heardMs = monotonicMs();
    if (new Uint8Array(data, 0, 1)[0] !== PROBE) {
      this.#counts.messagesIn++;
      this.#counts.bytesIn += data.byteLength;
      receive(data);
      return;
    }
    const number = data.byteLength >= 8 ? new DataView(data).getUint32(4) : 0;
    const sent = this.#sent.get(number);
    if (sent === undefined) return;
    this.#sent.delete(number);
    this.roundTripMs += (this.heardMs - sent - this.roundTripMs) / 8;
    for (const answered of [...this.#probing]) answered();
  }
}

/**
 * Wait until the page's addresses are known, a second at most: the host needs none of them.
 * @param {RTCPeerConnection} connection
 */
function gathered(connection) {
  return new Promise((resolve) => {
    setTimeout(resolve, 1000);
    if (connection.iceGatheringState === "complete") resolve(undefined);
    connection.onicegatheringstatechange = () => connection.iceGatheringState === "complete" && resolve(undefined);
  });
}

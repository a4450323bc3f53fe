/**
 * A data channel beside the WebSocket (docs/wire.md section 2.13): poses that may be lost go by it while it works, so
 * that none waits for one that was lost. `connect(url, { webrtc: true })` uses it.
 */

import { monotonicMs } from "./clock.js";
import { buildFrame } from "./frames.js";

export const PROBE = 17;
const PROBE_EVERY_MS = 100;
/** A probe after which nothing at all has come for so long ends the channel. */
const SILENCE_MS = 600;
const OPENING_MS = 10_000;
/** After so long it is tried again; after a first attempt that failed sooner. */
const AGAIN_MS = 30_000;
const FIRST_AGAIN_MS = 1000;
/** Bytes that may wait for the network; poses beyond are left out. */
const MAX_WAITING = 8 * 1024;

/**
 * @typedef {object} ChannelOptions
 * @property {(message: Record<string, any>) => void} say sends a message of the session
 * @property {(message: ArrayBuffer) => void} receive
 * @property {(works: boolean, why: string) => void} changed
 * @property {number} [againMs]
 */

export class PoseChannel {
  #options;
  #number = 0;
  #closed = false;
  /** @type {RTCPeerConnection | null} */
  #connection = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #timer;
  /** When the first probe was sent after which nothing has come. @type {number | null} */
  #unanswered = null;
  #pause = FIRST_AGAIN_MS;
  works = false;

  /** @param {ChannelOptions} options */
  constructor(options) {
    this.#options = options;
    this.#open();
  }

  /**
   * Send a message; false: it is to go by the WebSocket. One for which there is no room is left out.
   * @param {Uint8Array<ArrayBuffer>} message
   */
  send(message) {
    const channel = this.#channel;
    if (!this.works || channel?.readyState !== "open") return false;
    if (channel.bufferedAmount <= MAX_WAITING) channel.send(message);
    return true;
  }

  /**
   * Take a `webrtc` message of the host.
   * @param {Record<string, any>} message
   */
  async take(message) {
    if (message.number !== this.#number || !this.#connection) return;
    if (message.event !== "answer") {
      this.#pause = this.#options.againMs ?? AGAIN_MS;
      this.#fail(String(message.message));
      return;
    }
    try {
      await this.#connection.setRemoteDescription({ type: "answer", sdp: message.sdp });
    } catch (error) {
      this.#fail(String(error));
    }
  }

  /** Close it for good. */
  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#connection?.close();
    this.works = false;
  }

  async #open() {
    if (this.#closed) return;
    // No STUN servers: the host answers at the address from which it is reached.
    const connection = new RTCPeerConnection();
    this.#connection = connection;
    const channel = connection.createDataChannel("poses", { negotiated: true, id: 0, ordered: false, maxRetransmits: 0 });
    this.#channel = channel;
    channel.binaryType = "arraybuffer";
    channel.onmessage = ({ data }) => this.#receive(data);
    channel.onopen = () => {
      this.#unanswered = null;
      this.#probe();
    };
    channel.onclose = () => this.#channel === channel && this.#fail("the host has closed the data channel");
    connection.onconnectionstatechange = () => {
      if (this.#connection === connection && connection.connectionState === "failed") this.#fail("no packet comes through");
    };
    this.#timer = setTimeout(() => this.#fail("no packet comes through"), OPENING_MS);
    await connection.setLocalDescription();
    await gathered(connection);
    this.#number++;
    if (this.#connection === connection)
      this.#options.say({ type: "webrtc", action: "offer", number: this.#number, sdp: connection.localDescription?.sdp });
  }

  #probe() {
    clearTimeout(this.#timer);
    const now = monotonicMs();
    if (this.#unanswered !== null && now - this.#unanswered > SILENCE_MS) {
      this.#fail("its probes were not answered");
      return;
    }
    this.#unanswered ??= now;
    this.#channel?.send(buildFrame(PROBE, new Uint8Array(4)));
    this.#timer = setTimeout(() => this.#probe(), PROBE_EVERY_MS);
  }

  /** @param {ArrayBuffer} data */
  #receive(data) {
    this.#unanswered = null;
    if (!this.works) {
      this.works = true;
      this.#pause = this.#options.againMs ?? AGAIN_MS;
      this.#options.changed(true, "opened");
    }
    if (new Uint8Array(data, 0, 1)[0] !== PROBE) this.#options.receive(data);
  }

  /** @param {string} why */
  #fail(why) {
    clearTimeout(this.#timer);
    const connection = this.#connection;
    this.#connection = this.#channel = null;
    connection?.close();
    if (this.#closed) return;
    if (this.works) {
      this.works = false;
      this.#options.say({ type: "webrtc", action: "close" });
      this.#options.changed(false, why);
    }
    this.#timer = setTimeout(() => this.#open(), this.#pause);
    this.#pause = Math.min(2 * this.#pause, AGAIN_MS);
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

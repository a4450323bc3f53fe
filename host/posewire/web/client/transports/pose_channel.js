/** The data channel beside a WebSocket: asked for by messages of the session, used while it works. */

import { PosewireError, WireError } from "../errors.js";
import { openDataChannel } from "./data_channel.js";
import { Fallback } from "./fallback.js";
import { SwitchLog, fallbackPolicy } from "./switches.js";

const OPENING_MS = 10_000;

/** @typedef {Partial<import("./switches.js").FallbackPolicy> & {timeoutMs?: number}} WebRtcOptions */

/**
 * @typedef {object} ChannelUse
 * @property {boolean | WebRtcOptions} wanted
 * @property {(message: Record<string, any>) => void} say sends a message of the session
 * @property {(frame: Uint8Array<ArrayBuffer>) => void} send sends a frame by the WebSocket
 * @property {(message: ArrayBuffer) => void} receive
 * @property {(switched: import("./switches.js").Switch) => void} switched
 */

/** Opens a data channel in each session whose host has one. */
export class PoseChannel {
  #use;
  #policy;
  #timeoutMs;
  #log = new SwitchLog();
  /** @type {Fallback | null} */
  #fallback = null;
  /** Whether the page has gone back to the WebSocket by hand: that outlives a session. */
  #held = false;
  #number = 0;
  /** @type {{answered: (sdp: string) => void, refused: (error: Error) => void} | null} */
  #asking = null;

  /** @param {ChannelUse} use */
  constructor(use) {
    this.#use = use;
    const { timeoutMs = OPENING_MS, ...policy } = typeof use.wanted === "object" ? use.wanted : {};
    this.#policy = fallbackPolicy(policy);
    this.#timeoutMs = timeoutMs;
  }

  get wanted() {
    return Boolean(this.#use.wanted);
  }

  /** Whether poses go by it at this moment. */
  get lossy() {
    return this.#fallback?.lossy ?? false;
  }

  /** Bytes of poses that the network has not taken yet, where they go by the channel. */
  get unsentBytes() {
    return this.#fallback?.unsentBytes ?? 0;
  }

  /** Use a channel in the session that has just begun: the host has one. */
  begin() {
    const { send, receive } = this.#use;
    /** @type {import("./fallback.js").FallbackOptions} */
    const options = {
      open: () => openDataChannel((offer) => this.#ask(offer), receive, this.#timeoutMs),
      second: "websocket",
      send,
      policy: this.#policy,
      log: this.#log,
      switched: (found) => this.#switched(found),
    };
    this.#fallback = new Fallback(options, this.#held);
  }

  /** End it: the session is over. */
  end() {
    this.#fallback?.close();
    this.#fallback = null;
  }

  /**
   * Send a frame by the way that is right for it.
   * @param {Uint8Array<ArrayBuffer>} frame
   * @param {boolean} mayBeLost
   */
  send(frame, mayBeLost) {
    if (this.#fallback) this.#fallback.send(frame, mayBeLost);
    else this.#use.send(frame);
  }

  rollback() {
    this.#fallback?.rollback();
    this.#held = this.#fallback?.held ?? this.#held;
  }

  /** The way that poses go by, and where a channel is wanted its counts and all switches. */
  status() {
    const name = this.lossy ? "webrtc" : "websocket";
    return this.wanted ? { name, first: null, ...this.#log.statistics(), ...this.#fallback?.statistics() } : { name };
  }

  /**
   * Take a `webrtc` message of the host.
   * @param {Record<string, any>} message
   */
  take(message) {
    if (message.number !== this.#number || !this.#asking) return;
    if (message.event === "answer") this.#asking.answered(String(message.sdp));
    else this.#asking.refused(new WireError(String(message.message), String(message.code ?? "internal")));
    this.#asking = null;
  }

  /**
   * @param {string} offer
   * @returns {Promise<string>}
   */
  #ask(offer) {
    const number = ++this.#number;
    this.#asking?.refused(new PosewireError("another channel is asked for", "not_available"));
    return new Promise((answered, refused) => {
      this.#asking = { answered, refused };
      this.#use.say({ type: "webrtc", action: "offer", number, sdp: offer });
    });
  }

  /** @param {import("./switches.js").Switch} found */
  #switched(found) {
    if (!this.lossy) this.#use.say({ type: "webrtc", action: "close" }); // the host need not find out by itself
    this.#use.switched(found);
  }
}

/** The senders that a page has made in a room, and the control packets that are for them. */

import { AudioSender } from "../audio/audio_sender.js";
import { ConfigError } from "../errors.js";
import { PoseSender } from "../poses/sender.js";

const STREAMS = 256;

/** Makes senders, each with a stream of its own. */
export class Publishers {
  #host;
  /** @type {Map<number, (packet: Uint8Array) => void>} */
  #controls = new Map();
  /** Senders of poses by their streams. @type {Map<number, PoseSender>} */
  #poses = new Map();
  /** @type {AudioSender[]} */
  #audio = [];

  /** @param {import("../connection.js").HostConnection} host */
  constructor(host) {
    this.#host = host;
  }

  /**
   * Return a sender of poses, with the first stream that is free unless `stream` names one. Throws ConfigError where an
   * option is wrong, another sender has that stream, or there is none left.
   * @param {import("../poses/sender.js").SenderOptions} options
   */
  poseSender(options) {
    const stream = options.stream ?? this.#freeStream();
    const known = this.#poses.get(stream);
    if (known && !known.stopped) throw new ConfigError(`another sender of this room has the stream ${stream}: stop it first`);
    const sender = new PoseSender(this.#host, { ...options, stream });
    this.add(stream, (packet) => sender.control(packet));
    this.#poses.set(stream, sender);
    return sender;
  }

  /** Return a sender of audio. */
  audioSender() {
    const sender = new AudioSender(this.#host);
    this.#audio = [...this.#audio.filter((known) => !known.stopped), sender];
    return sender;
  }

  /**
   * Call a function with each control packet for a stream.
   * @param {number} stream
   * @param {(packet: Uint8Array) => void} take
   */
  add(stream, take) {
    this.#controls.set(stream, take);
  }

  /**
   * Take a control packet for this page.
   * @param {Uint8Array} packet
   */
  control(packet) {
    this.#controls.get(packet[1])?.(packet);
  }

  /** End all senders. */
  stop() {
    for (const sender of [...this.#poses.values(), ...this.#audio]) sender.stop();
  }

  #freeStream() {
    for (let stream = 0; stream < STREAMS; stream++) {
      // A stream is not given again after its sender has ended: receivers would take its poses for late ones.
      if (!this.#controls.has(stream)) return stream;
    }
    throw new ConfigError(`a member has at most ${STREAMS} streams`);
  }
}

/** Audio to the host, or to a room, in the format that the connection's hello ended in. */

import { ConfigError } from "../errors.js";
import { AUDIO } from "../frames.js";
import { frameSamples } from "./codec.js";
import { Resampler, toFloat, toInt16 } from "./resampler.js";
import { audioEncoder } from "./stream_codec.js";

/** Unsent bytes of the socket from which on audio is dropped: it would only become older. */
const CONGESTED = 64 * 1024;

/** Silence after the last samples: it brings out what the resampler and an Opus encoder hold back. */
const TAIL_S = 0.02;

/** Cuts samples into frames and sends them; what comes while the host is away, or cannot take it, is dropped. */
export class AudioSender {
  sent = 0;
  dropped = 0;
  #closed = false;
  #rate = 0;
  /** @type {Resampler | null} */
  #resampler = null;
  #rest = new Int16Array(0);
  /** @type {import("./codec.js").AudioParams | null} */
  #params = null;
  /** @type {ReturnType<typeof audioEncoder> | null} */
  #encoder = null;

  /** @param {import("../connection.js").HostConnection} host */
  constructor(host) {
    this.host = host;
  }

  /**
   * Give the sender samples of one channel; returns how many frames they completed. Throws ConfigError for what are no
   * samples.
   * @param {Int16Array | Float32Array} samples floats from -1 to 1
   * @param {number} [rate] in Hz; the connection's unless given
   */
  send(samples, rate) {
    const params = this.host.audio;
    if (!(samples instanceof Int16Array || samples instanceof Float32Array))
      throw new ConfigError("audio must be an Int16Array, or a Float32Array of values from -1 to 1");
    if (rate !== undefined && !(rate > 0)) throw new ConfigError(`rate must be more than 0 Hz, not ${rate}`);
    if (this.#closed) return 0;
    if (this.#params !== params) {
      this.#params = params;
      this.#encoder?.close();
      this.#encoder = audioEncoder(params, (frame) => this.#put(frame));
      this.#resampler = null;
      this.#rest = new Int16Array(0);
    }
    const from = rate ?? params.sample_rate;
    if (!this.#resampler || from !== this.#rate) {
      this.#resampler = new Resampler(from, params.sample_rate);
      this.#rate = from;
    }
    const fresh = toInt16(this.#resampler.push(samples instanceof Int16Array ? toFloat(samples) : samples));
    const all = new Int16Array(this.#rest.length + fresh.length);
    all.set(this.#rest);
    all.set(fresh, this.#rest.length);
    const size = frameSamples(params);
    let at = 0;
    for (; at + size <= all.length; at += size) this.#encoder?.encode(all.subarray(at, at + size));
    this.#rest = all.slice(at);
    return at / size;
  }

  /** Whether it was ended. */
  get stopped() {
    return this.#closed;
  }

  /**
   * End the stream: what does not fill a frame yet is sent with silence after it. It returns when all frames are sent.
   * The samples that follow begin a new stream.
   */
  async flush() {
    const [params, encoder] = [this.#params, this.#encoder];
    if (this.#closed || !params || !encoder) return;
    this.send(new Float32Array(Math.ceil(TAIL_S * this.#rate)), this.#rate);
    if (this.#rest.length) {
      const last = new Int16Array(frameSamples(params));
      last.set(this.#rest);
      encoder.encode(last);
    }
    this.#params = this.#encoder = null;
    await encoder.flush();
    encoder.close();
  }

  /** End the sender at once; what does not fill a frame is dropped. */
  stop() {
    this.#closed = true;
    this.#encoder?.close();
  }

  /** @param {Uint8Array} frame */
  #put(frame) {
    if (!this.host.connected || this.host.unsentBytes > CONGESTED) {
      this.dropped++;
    } else {
      this.host.sendFrame(AUDIO, frame);
      this.sent++;
    }
  }
}

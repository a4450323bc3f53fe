/** Another sample rate, for a stream that comes in pieces. */

const ZERO_CROSSINGS = 8;

/**
 * Changes the rate by a windowed sinc (Blackman), which also cuts off what the lower of both rates cannot carry.
 * The result is late by `ZERO_CROSSINGS` samples of the lower rate.
 */
export class Resampler {
  /** @type {Float32Array} */
  #input = new Float32Array(0);
  /** Of the next result, in samples of `#input`. */
  #position;

  /**
   * @param {number} from in Hz
   * @param {number} to in Hz
   */
  constructor(from, to) {
    this.step = from / to;
    this.cutoff = Math.min(1, to / from);
    this.reach = Math.ceil(ZERO_CROSSINGS / this.cutoff);
    this.#input = new Float32Array(this.reach);
    this.#position = this.reach;
  }

  /**
   * @param {Float32Array} samples
   * @returns {Float32Array}
   */
  push(samples) {
    if (this.step === 1) return samples;
    const input = new Float32Array(this.#input.length + samples.length);
    input.set(this.#input);
    input.set(samples, this.#input.length);
    const count = Math.max(0, Math.floor((input.length - this.reach - 1 - this.#position) / this.step) + 1);
    const result = new Float32Array(count);
    for (let i = 0; i < count; i++) result[i] = this.#at(input, this.#position + i * this.step);
    this.#position += count * this.step;
    const done = Math.floor(this.#position) - this.reach;
    this.#input = input.slice(done);
    this.#position -= done;
    return result;
  }

  /**
   * @param {Float32Array} input
   * @param {number} position
   */
  #at(input, position) {
    const center = Math.floor(position);
    let sum = 0;
    for (let i = center - this.reach + 1; i <= center + this.reach; i++) {
      const x = (i - position) * this.cutoff;
      const share = x / ZERO_CROSSINGS;
      if (Math.abs(share) >= 1) continue;
      const window = 0.42 + 0.5 * Math.cos(Math.PI * share) + 0.08 * Math.cos(2 * Math.PI * share);
      const sinc = x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
      sum += input[i] * sinc * window;
    }
    return sum * this.cutoff;
  }
}

/**
 * @param {Float32Array} samples from -1 to 1
 * @returns {Int16Array}
 */
export const toInt16 = (samples) =>
  Int16Array.from(samples, (value) => Math.max(-32768, Math.min(32767, Math.round(value * 32767))));

/**
 * @param {Int16Array} samples
 * @returns {Float32Array}
 */
export const toFloat = (samples) => Float32Array.from(samples, (value) => value / 32767);

/** The computer's loudspeaker, for samples that come in pieces. */

import { Resampler, toFloat } from "./resampler.js";

/** Plays samples in the order in which they are given, after a short time in which late ones can come. */
export class Speaker {
  /** @type {AudioContext | null} */
  #context = null;
  /** @type {AudioWorkletNode | null} */
  #node = null;
  /** @type {Resampler | null} */
  #resampler = null;
  #rate = 0;

  /** Begin; a browser lets a page sound only after the person has touched it. */
  async open() {
    const context = new AudioContext();
    await context.audioWorklet.addModule(new URL("./worklets.js", import.meta.url).href);
    await context.resume();
    this.#node = new AudioWorkletNode(context, "posewire-playback", { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.connect(context.destination);
    this.#context = context;
  }

  /**
   * @param {Int16Array} samples
   * @param {number} rate in Hz
   */
  play(samples, rate) {
    if (!this.#context || !this.#node) return;
    if (!this.#resampler || rate !== this.#rate) {
      this.#resampler = new Resampler(rate, this.#context.sampleRate);
      this.#rate = rate;
    }
    const ready = this.#resampler.push(toFloat(samples)).slice();
    this.#node.port.postMessage(ready, [ready.buffer]);
  }

  /** Be silent, at once: what waits is dropped. */
  clear() {
    this.#node?.port.postMessage(null);
  }

  async close() {
    const context = this.#context;
    this.#context = this.#node = null;
    await context?.close();
  }
}

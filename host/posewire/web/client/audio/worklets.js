// @ts-nocheck: the names of an AudioWorklet's scope are not among the types of a page.
/** What runs in the browser's audio thread: a microphone's samples out, a speaker's samples in. */

const PIECE = 1024;
const AHEAD_S = 0.12;
const LONGEST_S = 30;

/** Posts what it hears, `PIECE` samples at a time; asked for more it posts what it has, and then null. */
class Capture extends AudioWorkletProcessor {
  #piece = new Float32Array(PIECE);
  #filled = 0;

  constructor() {
    super();
    this.port.onmessage = () => {
      if (this.#filled) this.port.postMessage(this.#piece.slice(0, this.#filled));
      this.#filled = 0;
      this.port.postMessage(null);
    };
  }

  process([[channel]]) {
    if (!channel) return true;
    for (const sample of channel) {
      this.#piece[this.#filled++] = sample;
      if (this.#filled === PIECE) {
        this.port.postMessage(this.#piece.slice());
        this.#filled = 0;
      }
    }
    return true;
  }
}

/** Plays what is posted to it; after silence it waits until 120 ms are there, or nothing more comes. */
class Playback extends AudioWorkletProcessor {
  #pieces = [];
  #at = 0;
  #held = 0;
  #waited = 0;
  #playing = false;

  constructor() {
    super();
    this.port.onmessage = ({ data }) => {
      if (data === null) {
        this.#pieces = [];
        this.#at = this.#held = 0;
        this.#playing = false;
      } else if (this.#held < LONGEST_S * sampleRate) {
        this.#pieces.push(data);
        this.#held += data.length;
      }
    };
  }

  process(_, [[channel]]) {
    if (!this.#playing) {
      this.#waited = this.#held ? this.#waited + channel.length : 0;
      if (this.#held < AHEAD_S * sampleRate && this.#waited < 2 * AHEAD_S * sampleRate) return true;
      if (!this.#held) return true;
      this.#playing = true;
      this.#waited = 0;
    }
    for (let i = 0; i < channel.length; i++) {
      while (this.#pieces.length && this.#at >= this.#pieces[0].length) {
        this.#pieces.shift();
        this.#at = 0;
      }
      if (!this.#pieces.length) {
        this.#playing = false;
        this.#held = 0;
        break;
      }
      channel[i] = this.#pieces[0][this.#at++];
      this.#held--;
    }
    return true;
  }
}

registerProcessor("posewire-capture", Capture);
registerProcessor("posewire-playback", Playback);

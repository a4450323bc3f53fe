/** Talk to the host's assistant as a device does: microphone, speaker, and what is heard and said. */

import { AudioSender } from "./audio/audio_sender.js";
import { openMicrophone } from "./audio/microphone.js";
import { Speaker } from "./audio/speaker.js";
import { audioDecoder } from "./audio/stream_codec.js";

/**
 * Opens on the first `start`, which the person must have asked for with a key or a click. What is heard and said comes
 * as the connection's events `stt`, `llm` and `tts`.
 */
export class Voice {
  /** @type {Awaited<ReturnType<typeof openMicrophone>> | null} */
  #microphone = null;
  #speaker = new Speaker();
  #speakerOpen = false;
  #listening = false;
  /** Samples are sent: somewhat longer than it listens. */
  #sending = false;
  /** Until the last words are sent. @type {Promise<void>} */
  #ended = Promise.resolve();
  /** @type {(() => void)[]} */
  #stop = [];

  /** @param {import("./connection.js").HostConnection} host */
  constructor(host) {
    this.host = host;
    this.sender = new AudioSender(host);
  }

  get listening() {
    return this.#listening;
  }

  /** The level of the microphone, 0 to 1. */
  get level() {
    return this.#microphone?.level() ?? 0;
  }

  /** Make the host's voice sound here. */
  async openSpeaker() {
    if (this.#speakerOpen) return;
    this.#speakerOpen = true;
    await this.#speaker.open();
    /** @type {ReturnType<typeof audioDecoder> | null} */
    let decoder = null;
    let params = this.host.audio;
    this.#stop = [
      this.host.on("audio", (payload) => {
        if (!decoder || params !== this.host.audio) {
          decoder?.close();
          params = this.host.audio;
          decoder = audioDecoder(params, (samples, rate) => this.#speaker.play(samples, rate));
        }
        decoder.decode(payload);
      }),
      () => decoder?.close(),
    ];
  }

  /**
   * Listen. `auto`: the host finds the end of what is said; `manual`: `stopListening` does; `realtime`: until then,
   * also while the host speaks.
   * @param {"auto" | "manual" | "realtime"} [mode]
   */
  async start(mode = "auto") {
    await this.openSpeaker();
    this.#microphone ??= await openMicrophone((samples, rate) => {
      if (this.#sending) this.sender.send(samples, rate);
    });
    await this.#ended.catch(() => {}); // who has ended it was told
    this.host.send({ type: "listen", state: "start", mode });
    this.#listening = this.#sending = true;
  }

  /** The utterance is over: what was spoken until now is sent, and the host told then. */
  stopListening() {
    if (this.#listening) this.#ended = this.#end();
    return this.#ended;
  }

  async #end() {
    this.#listening = false;
    try {
      await this.#microphone?.flush();
      this.#sending = false;
      await this.sender.flush();
    } finally {
      this.#sending = false;
      // Where the connection was closed meanwhile, nobody waits for it.
      if (!["new", "closed"].includes(this.host.state)) this.host.send({ type: "listen", state: "stop" });
    }
  }

  /**
   * Say something in writing, as if it had been spoken.
   * @param {string} text
   */
  say(text) {
    this.host.send({ type: "listen", state: "detect", text });
  }

  /** Make the host be silent. */
  abort() {
    this.#speaker.clear();
    this.host.send({ type: "abort", reason: "button" });
  }

  /** Give the microphone and the speaker back. */
  async close() {
    const [ended, microphone, speakerOpen] = [this.stopListening(), this.#microphone, this.#speakerOpen];
    // Who starts meanwhile gets others.
    this.#microphone = null;
    this.#speakerOpen = false;
    for (const stop of this.#stop) stop();
    try {
      await ended;
    } finally {
      microphone?.stop();
    }
    if (speakerOpen) await this.#speaker.close();
  }
}

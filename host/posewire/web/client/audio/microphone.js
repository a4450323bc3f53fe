/** The computer's microphone, as samples. */

import { ProviderError } from "../errors.js";

/** The longest wait for what the audio thread holds: it may stand still. */
const FLUSH_MS = 200;

/**
 * Open the microphone; the browser asks the person for it. It needs a page of https, or of this computer. Throws
 * ProviderError where there is none, or this page may not have it (`forbidden`).
 * @param {(samples: Float32Array, rate: number) => void} heard is called with 20 to 60 ms at a time
 * @returns {Promise<{level: () => number, flush: () => Promise<void>, stop: () => void}>} `level`: 0 to 1, of the last
 *   samples; `flush`: until all that was spoken so far is heard
 */
export async function openMicrophone(heard) {
  const stream = await askForMicrophone();
  const context = new AudioContext();
  const stop = () => {
    stream.getTracks().forEach((track) => track.stop());
    void context.close();
  };
  try {
    await context.audioWorklet.addModule(new URL("./worklets.js", import.meta.url).href);
    await context.resume();
  } catch (error) {
    stop();
    throw error;
  }
  const source = context.createMediaStreamSource(stream);
  const capture = new AudioWorkletNode(context, "posewire-capture", { numberOfOutputs: 0 });
  let level = 0;
  /** @type {(() => void)[]} */
  let flushed = [];
  capture.port.onmessage = ({ data }) => {
    if (data === null) {
      flushed.shift()?.();
      return;
    }
    level = Math.min(
      1,
      Math.sqrt(data.reduce((/** @type {number} */ sum, /** @type {number} */ x) => sum + x * x, 0) / data.length) * 4,
    );
    heard(data, context.sampleRate);
  };
  source.connect(capture);
  return {
    level: () => level,
    flush: () =>
      new Promise((resolve) => {
        flushed.push(resolve);
        setTimeout(resolve, FLUSH_MS);
        capture.port.postMessage("flush");
      }),
    stop,
  };
}

async function askForMicrophone() {
  if (!globalThis.navigator?.mediaDevices)
    throw new ProviderError("a browser gives its microphone to pages of https, or of this computer, only");
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
    });
  } catch (cause) {
    if (cause instanceof DOMException && cause.name === "NotAllowedError")
      throw new ProviderError("this page may not use the microphone: allow it in the browser's settings of the page", "forbidden", { cause });
    throw new ProviderError(`the microphone cannot be used: ${cause instanceof Error ? cause.message : cause}`, undefined, { cause });
  }
}

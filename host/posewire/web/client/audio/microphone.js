/** The computer's microphone, as samples. */

/** The longest wait for what the audio thread holds: it may stand still. */
const FLUSH_MS = 200;

/**
 * Open the microphone; the browser asks the person for it. It needs a page of https, or of this computer.
 * @param {(samples: Float32Array, rate: number) => void} heard is called with 20 to 60 ms at a time
 * @returns {Promise<{level: () => number, flush: () => Promise<void>, stop: () => void}>} `level`: 0 to 1, of the last
 *   samples; `flush`: until all that was spoken so far is heard
 */
export async function openMicrophone(heard) {
  if (!navigator.mediaDevices) throw new Error("a browser gives its microphone to pages of https, or of this computer, only");
  const stream = await navigator.mediaDevices.getUserMedia({
    audio: { channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  });
  const context = new AudioContext();
  await context.audioWorklet.addModule(new URL("./worklets.js", import.meta.url).href);
  await context.resume();
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
    stop: () => {
      stream.getTracks().forEach((track) => track.stop());
      context.close();
    },
  };
}

/** The computer's microphone, as samples. */

/**
 * Open the microphone; the browser asks the person for it. It needs a page of https, or of this computer.
 * @param {(samples: Float32Array, rate: number) => void} heard is called with 20 to 60 ms at a time
 * @returns {Promise<{level: () => number, stop: () => void}>} `level`: 0 to 1, of the last samples
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
  capture.port.onmessage = ({ data }) => {
    level = Math.min(
      1,
      Math.sqrt(data.reduce((/** @type {number} */ sum, /** @type {number} */ x) => sum + x * x, 0) / data.length) * 4,
    );
    heard(data, context.sampleRate);
  };
  source.connect(capture);
  return {
    level: () => level,
    stop: () => {
      stream.getTracks().forEach((track) => track.stop());
      context.close();
    },
  };
}

/** Audio of any format as a stream: what is encoded or decoded may come a little later, as Opus does (WebCodecs). */

import { ProviderError } from "../errors.js";
import { frameDecoder, frameEncoder } from "./codec.js";
import { toFloat, toInt16 } from "./resampler.js";

/** @typedef {import("./codec.js").AudioParams} AudioParams */

/** Opus, for browsers that have it: `opusWorks()`. @type {AudioParams} */
export const OPUS = { format: "opus", sample_rate: 16000, channels: 1, frame_duration: 60 };

const BITRATE = 24_000;

/** Tell whether this browser encodes and decodes Opus. */
export async function opusWorks() {
  if (typeof AudioEncoder === "undefined" || typeof AudioDecoder === "undefined") return false;
  const both = [AudioEncoder.isConfigSupported(encoderConfig(OPUS)), AudioDecoder.isConfigSupported(decoderConfig(OPUS))];
  const answers = await Promise.all(both).catch(() => []);
  return answers.length > 0 && answers.every(({ supported }) => supported);
}

/**
 * Return what encodes the frames of one stream; throws FrameError for a format that is not here,
 * ProviderError where the browser has no Opus.
 * @param {AudioParams} params
 * @param {(frame: Uint8Array) => void} onFrame
 * @returns {{encode: (samples: Int16Array) => void, flush: () => Promise<void>, close: () => void}} `flush`: until all
 *   frames have come
 */
export function audioEncoder(params, onFrame) {
  if (params.format !== "opus") {
    const encode = frameEncoder(params);
    return { encode: (samples) => onFrame(encode(samples)), flush: async () => {}, close: () => {} };
  }
  if (typeof AudioEncoder === "undefined") throw new ProviderError("this browser has no Opus: ask for pcm or ima-adpcm");
  const encoder = new AudioEncoder({
    output: (chunk) => {
      const frame = new Uint8Array(chunk.byteLength);
      chunk.copyTo(frame);
      onFrame(frame);
    },
    error: () => {}, // It is closed then, which who encodes on is told.
  });
  encoder.configure(encoderConfig(params));
  let timestamp = 0;
  return {
    encode: (samples) => {
      if (encoder.state !== "configured") throw new ProviderError("the browser's Opus encoder has failed");
      const data = new AudioData({
        format: "f32",
        sampleRate: params.sample_rate,
        numberOfFrames: samples.length,
        numberOfChannels: 1,
        timestamp,
        data: /** @type {Float32Array<ArrayBuffer>} */ (toFloat(samples)),
      });
      timestamp += 1000 * params.frame_duration;
      encoder.encode(data);
      data.close();
    },
    flush: async () => {
      // It is rejected where the encoder fails or is closed: no more frames come then.
      if (encoder.state === "configured") await encoder.flush().catch(() => {});
    },
    close: () => encoder.state !== "closed" && encoder.close(),
  };
}

/**
 * Return what decodes the frames of one stream; throws FrameError for a format that is not here,
 * ProviderError where the browser has no Opus. Opus comes at the
 * rate that the browser has chosen, which is often 48 kHz.
 * @param {AudioParams} params
 * @param {(samples: Int16Array, rate: number) => void} onSamples
 * @returns {{decode: (frame: Uint8Array) => void, close: () => void}}
 */
export function audioDecoder(params, onSamples) {
  if (params.format !== "opus") {
    const decode = frameDecoder(params);
    return { decode: (frame) => onSamples(decode(frame), params.sample_rate), close: () => {} };
  }
  if (typeof AudioDecoder === "undefined") throw new ProviderError("this browser has no Opus: ask for pcm or ima-adpcm");
  let timestamp = 0;
  /** @type {AudioDecoder | null} */
  let decoder = null;
  const make = () => {
    const made = new AudioDecoder({
      output: (data) => {
        const samples = new Float32Array(data.numberOfFrames);
        data.copyTo(samples, { planeIndex: 0, format: "f32-planar" });
        onSamples(toInt16(samples), data.sampleRate);
        data.close();
      },
      error: () => {}, // A frame that is none ends the decoder: the next frame gets another.
    });
    made.configure(decoderConfig(params));
    return made;
  };
  return {
    decode: (frame) => {
      if (decoder?.state !== "configured") decoder = make();
      decoder.decode(new EncodedAudioChunk({ type: "key", timestamp, data: frame }));
      timestamp += 1000 * params.frame_duration;
    },
    close: () => decoder && decoder.state !== "closed" && decoder.close(),
  };
}

/** @param {AudioParams} params */
const encoderConfig = ({ sample_rate: sampleRate, frame_duration: ms }) =>
  /** @type {AudioEncoderConfig} */ ({
    codec: "opus",
    sampleRate,
    numberOfChannels: 1,
    bitrate: BITRATE,
    opus: { format: "opus", frameDuration: 1000 * ms, application: "voip" },
  });

/** @param {AudioParams} params */
const decoderConfig = ({ sample_rate: sampleRate }) => ({ codec: "opus", sampleRate, numberOfChannels: 1 });

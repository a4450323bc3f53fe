// node vectors.mjs CLIENT VECTORS: frames and audio of the JavaScript client against the shared vectors.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const [client, vectors] = process.argv.slice(2);
const load = (name) => import(pathToFileURL(`${client}/${name}`));
const read = (name) => JSON.parse(readFileSync(`${vectors}/${name}`, "utf8"));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (array) => Buffer.from(array.buffer, array.byteOffset, array.byteLength).toString("hex");

const { buildFrame, parseFrame } = await load("frames.js");
const { FrameError } = await load("errors.js");
const frames = read("frames.json");
for (const { protocol, type, member_id: member, timestamp_ms: time, payload, message } of frames.good) {
  assert.equal(hex(buildFrame(type, bytes(payload), member, protocol, time)), message);
  const frame = parseFrame(bytes(message), protocol);
  assert.deepEqual([frame.type, frame.memberId, frame.timestampMs, hex(frame.payload)], [type, member, protocol === 2 ? time : 0, payload]);
}
for (const { protocol, message, why } of frames.bad) assert.throws(() => parseFrame(bytes(message), protocol), FrameError, why);

const { AdpcmEncoder, decodeAdpcm, frameDecoder, frameEncoder, PCM } = await load("audio/codec.js");
for (const stream of read("adpcm.json").streams) {
  const encoder = new AdpcmEncoder();
  const pcm = new Int16Array(bytes(stream.pcm).buffer);
  assert.equal(frameEncoder(PCM)(pcm).length, 2 * pcm.length);
  assert.deepEqual(frameDecoder(PCM)(frameEncoder(PCM)(pcm)), pcm);
  stream.frames.forEach((frame, i) => {
    assert.equal(hex(encoder.encode(pcm.subarray(160 * i, 160 * (i + 1)))), frame, stream.name);
  });
  assert.equal(stream.frames.map((frame) => hex(decodeAdpcm(bytes(frame)))).join(""), stream.decoded, stream.name);
}
assert.throws(() => decodeAdpcm(Uint8Array.of(0, 0, 89, 0)), FrameError);

const { Resampler } = await load("audio/resampler.js");
for (const [from, to] of [[48000, 16000], [16000, 48000], [44100, 16000]]) {
  // A tone of 1 kHz stays one, and the length is right; one of 10 kHz, which 16 kHz cannot carry, is gone.
  const tone = (hz) => Float32Array.from({ length: from }, (_, i) => Math.sin((2 * Math.PI * hz * i) / from));
  const resampled = (samples) => {
    const resampler = new Resampler(from, to);
    return Float32Array.from({ length: 100 }).constructor.from(
      Array.from({ length: 100 }, (_, i) => [...resampler.push(samples.slice((i * from) / 100, ((i + 1) * from) / 100))]).flat(),
    );
  };
  const power = (samples) => samples.slice(2000, -2000).reduce((sum, x) => sum + x * x, 0) / (samples.length - 4000);
  const kept = resampled(tone(1000));
  assert.ok(Math.abs(kept.length - to) < 40, `${from} to ${to}: ${kept.length} samples`);
  assert.ok(Math.abs(power(kept) - 0.5) < 0.01, `${from} to ${to}: ${power(kept)}`);
  if (to < from) assert.ok(power(resampled(tone(10000))) < 1e-3, "an alias is left");
}

const { applyPatch } = await load("rooms/shared_state.js");
const before = { a: 1, b: { c: 2, d: 3 } };
assert.deepEqual(applyPatch(before, { a: null, b: { c: 4, e: [1] } }), { b: { c: 4, d: 3, e: [1] } });
assert.deepEqual(before, { a: 1, b: { c: 2, d: 3 } });
assert.equal(applyPatch({}, JSON.parse('{"__proto__": {"polluted": 1}}')).polluted, undefined);

const { exponentialBackoff } = await load("link/reconnect.js");
assert.deepEqual([1, 2, 3, 9].map(exponentialBackoff(100, 1500, () => 1)), [100, 200, 400, 1500]);
assert.equal(exponentialBackoff(100, 1500, () => 0)(3), 0);
const { writeJson } = await load("link/json_text.js");
assert.equal(writeJson({ a: [1, "\\ud800 with a backslash", "\u{1f600}"] }), '{"a":[1,"\\\\ud800 with a backslash","\u{1f600}"]}');
const nested = (depth) => Array.from({ length: depth }).reduce((inner) => [inner], 0);
const circle = {};
circle.of = circle;
writeJson(nested(64));
writeJson(Array(100).fill([]));
for (const wrong of [nested(65), nested(100_000), circle, 10n, undefined, () => 1, "\ud800", { "\udfff": 1 }])
  assert.throws(() => writeJson(wrong), { name: "WireError" }, String(typeof wrong));
console.log("ok");

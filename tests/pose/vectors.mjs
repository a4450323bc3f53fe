// node vectors.mjs pose.js FILE.json ...: the JavaScript codec against the shared vectors.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const [module, ...files] = process.argv.slice(2);
const { PoseDecoder, PoseEncoder, PoseError, landmarkSet } = await import(pathToFileURL(module));
const bytes = (hex) => Uint8Array.from(Buffer.from(hex, "hex"));
const hex = (b) => Buffer.from(b).toString("hex");

function floats(text) {
  const b = Buffer.from(text, "base64");
  return Float32Array.from({ length: b.length / 4 }, (_, i) => b.readFloatLE(4 * i));
}

function attempt(decoder, packet) {
  try {
    return decoder.decode(packet);
  } catch (error) {
    if (!(error instanceof PoseError)) throw error;
    return null;
  }
}

function compare(frame, step, doc, label) {
  assert.deepEqual(Object.keys(frame.integers).sort(), Object.keys(step.integers).sort(), label);
  for (const [name, want] of Object.entries(step.integers)) {
    assert.deepEqual(Array.from(frame.integers[name]), want, `${label} ${name}`);
    const channels = doc.sets.find((s) => s.name === name).bits.length;
    const gone = [];
    frame.values[name].forEach((v, q) => Number.isNaN(v) && q % channels === 0 && gone.push(q / channels));
    assert.deepEqual(gone, step.missing[name], `${label} ${name} missing`);
  }
}

for (const file of files) {
  const doc = JSON.parse(readFileSync(file, "utf8"));
  const { key_every: keyEvery, ...rest } = doc.options;
  const encoder = new PoseEncoder(doc.sets.map((s) => landmarkSet(s)), { ...rest, ...(keyEvery ? { keyEvery } : {}) });
  const decoder = new PoseDecoder();
  let late = null;
  doc.steps.forEach((step, t) => {
    const label = `${doc.name} ${t}`;
    if (step.control) encoder.control(bytes(step.control));
    const values = Object.fromEntries(Object.entries(step.values).map(([k, v]) => [k, v === null ? null : floats(v)]));
    assert.equal(hex(encoder.encode(values, step.time)), step.packet, label);
    if (!step.drop) {
      const frame = attempt(decoder, bytes(step.packet));
      assert.equal(frame !== null, step.integers !== null, label);
      if (frame) {
        compare(frame, step, doc, label);
        if (late) compare(late.decode(bytes(step.packet)), step, doc, `late ${label}`);
      }
    }
    if (step.join) {
      late = new PoseDecoder();
      const frame = late.decode(bytes(step.join));
      if (step.integers) compare(frame, step, doc, `join ${label}`);
    }
  });
  console.log("ok", doc.name);
}

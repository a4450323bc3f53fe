// node agreement.mjs pose.js CASES.json: shows exactly what the reference shows.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const { PoseDecoder, PoseError } = await import(pathToFileURL(process.argv[2]));
for (const [n, steps] of JSON.parse(readFileSync(process.argv[3], "utf8")).entries()) {
  const decoder = new PoseDecoder();
  for (const [t, [hex, want]] of steps.entries()) {
    let frame = null;
    try {
      frame = decoder.decode(Uint8Array.from(Buffer.from(hex, "hex")));
    } catch (error) {
      if (!(error instanceof PoseError)) throw error;
    }
    const got = frame && Object.fromEntries(Object.entries(frame.integers).map(([k, v]) => [k, Array.from(v)]));
    assert.deepEqual(got, want, `stream ${n} step ${t} ${hex}`);
  }
}
console.log("ok");

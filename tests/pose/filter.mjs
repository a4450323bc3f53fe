// node filter.mjs pose.js CASES.json: a smoothing encoder's packets, in hex, one a line.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const { OneEuro, PoseEncoder } = await import(pathToFileURL(process.argv[2]));
const encoder = new PoseEncoder(["body33"], { smooth: new OneEuro() });
for (const [time, values] of JSON.parse(readFileSync(process.argv[3], "utf8"))) {
  const floats = values.map((v) => (v === null ? NaN : v));
  console.log(Buffer.from(encoder.encode({ body33: floats }, time)).toString("hex"));
}

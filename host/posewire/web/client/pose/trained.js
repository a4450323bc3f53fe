/** The trained tables, unpacked: coding order, symbols, start values of a set. */

import { shiftScale, shiftValue, unpackScale } from "./integers.js";
import { NAMED } from "./sets.js";
import { PACKED } from "./tables.js";

function unpackBase64(text) {
  const raw = atob(text);
  const out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out;
}

const parsed = {};

function trained(name) {
  if (!parsed[name]) {
    const b = unpackBase64(PACKED[name]), v = new DataView(b.buffer);
    const rows = v.getUint16(0, true), wide = b[2];
    let at = 3;
    const bits = Array.from(b.subarray(at, (at += wide)));
    const order = [], refs = [], template = [];
    for (let j = 0; j < rows; j++, at += 2) order.push(v.getUint16(at, true));
    const counts = b.subarray(at, (at += rows));
    for (let j = 0; j < rows; j++, at += 6) refs.push([0, 2, 4].slice(0, counts[j]).map((o) => v.getUint16(at + o, true)));
    for (let q = 0; q < rows * wide; q++, at += 2) template.push(v.getInt16(at, true));
    const cut = () => b.subarray(at, (at += rows * wide));
    parsed[name] = { wide, bits, order, refs, template, intraScale: cut(), scale: cut(), weight: cut() };
  }
  return parsed[name];
}

const symbolTables = [null, null];

export function cumulative(group) {
  if (!symbolTables[group]) {
    const v = new DataView(unpackBase64(PACKED.frequencies).buffer);
    const out = new Int32Array(14 * 33);
    for (let t = 0; t < 14; t++)
      for (let s = 0; s < 32; s++) out[t * 33 + s + 1] = out[t * 33 + s] + v.getUint16(2 * ((group * 14 + t) * 32 + s), true);
    symbolTables[group] = out;
  }
  return symbolTables[group];
}

/** Coding order and start values of a set at a coarse level. */
export function startValues(spec, coarse) {
  const { landmarks, coded: channels } = spec, n = spec.codedSize;
  const order = new Int32Array(5 * landmarks), template = new Int32Array(n), intraScale = new Int32Array(n), startScale = new Int32Array(n);
  const startWeight = new Int32Array(n).fill(64);
  const name = NAMED[spec.id]?.[3];
  if (!name) {
    const by = coarse + (spec.quat ? 12 - spec.bits[0] : 0);
    intraScale.fill(shiftScale(unpackScale(spec.quat ? 58 : 34), by));
    startScale.fill(shiftScale(unpackScale(24), by));
    for (let i = 0; i < landmarks; i++) {
      const p = spec.parents[i] ?? -1;
      order.set([i * channels, p < 0 ? 0 : 1, Math.max(p, 0) * channels], 5 * i);
    }
    return { order, template, intraScale, startScale, startWeight };
  }
  const t = trained(name), hands = spec.id === 2 ? 2 : 1, per = landmarks / hands;
  let at = 0;
  for (let h = 0; h < hands; h++) {
    for (let j = 0; j < t.order.length; j++) {
      const i = t.order[j];
      if (i >= per) continue;
      const b = (i + h * per) * channels;
      order.set([b, t.refs[j].length, ...t.refs[j].map((r) => (r + h * per) * channels)], at);
      at += 5;
      for (let c = 0; c < channels; c++) {
        const by = t.bits[c] - spec.bits[c] + coarse, s = i * t.wide + c;
        template[b + c] = shiftValue(t.template[s], by);
        intraScale[b + c] = shiftScale(unpackScale(t.intraScale[s]), by);
        startScale[b + c] = shiftScale(unpackScale(t.scale[s]), by);
        startWeight[b + c] = t.weight[s];
      }
    }
  }
  return { order, template, intraScale, startScale, startWeight };
}

/** Encodes one stream of pose packets. */

import { PoseError } from "../errors.js";
import { control, crc32, get32, put16, put32, putVarint, seal } from "./bytes.js";
import { CONTROL, KEY, KIND_DELTA, REPEAT, RESTART } from "./constants.js";
import { toUnitLength } from "./quaternions.js";
import { SetCoder } from "./set_coder.js";
import { landmarkSet } from "./sets.js";

export class PoseEncoder {
  constructor(sets, { stream = 0, keyEvery = 0, refresh = 0, layers = 1, acknowledged = false, budget = null, coarse = 0, sequence = 0, smooth = null } = {}) {
    this.sets = (Array.isArray(sets) ? sets : [sets]).map((s) => landmarkSet(s));
    if (refresh && this.sets.some((s) => s.quat)) throw new PoseError("quaternions are not refreshed in turn");
    Object.assign(this, { stream, keyEvery, refresh, layers, acknowledged, budget, coarse, smooth });
    this.floor = coarse;
    this.top = Math.min(7, ...this.sets.filter((s) => s.quat).map((s) => s.bits[0] - 4));
    this.coders = new Map(this.sets.map((s) => [s.id, new SetCoder(s)]));
    this.seq = sequence & 0xffff;
    this.base = this.candidate = null;
    this.steady = this.sinceKey = this.sinceRestart = 0;
    this.wantKey = false;
  }

  requestKey() {
    this.wantKey = true;
  }

  /** Obeys a control packet of a subscriber. */
  control(packet) {
    const end = packet.length - 4;
    if (end < 5 || packet[0] >> 2 !== (8 | CONTROL) || packet[1] !== this.stream) return;
    if (crc32(packet, 0, end, 0) !== get32(packet, end)) throw new PoseError("a damaged control packet");
    if (packet[4] === 1) this.wantKey = true;
    else if (packet[4] === 2) {
      if (this.candidate && this.candidate.sequence === ((packet[2] << 8) | packet[3])) {
        this.base = this.candidate;
        this.candidate = null;
      }
    } else if (packet[4] === 3 && end === 7) this.budget = ((packet[5] << 8) | packet[6]) || null;
  }

  /** The packet (Uint8Array) of one instant: `values` maps set names to flat float arrays (NaN = missing) or null. */
  encode(values, timeMs) {
    const time = Math.floor(timeMs) % 2 ** 32;
    if (this.smooth)
      values = Object.fromEntries(Object.entries(values).map(([k, v]) => [k, v && this.smooth.apply(k, v, time)]));
    let ref = this.base;
    if (ref && (this.wantKey || (this.keyEvery && this.sinceKey >= this.keyEvery) || ((this.seq - ref.sequence) & 0xffff) > 255 || (time - ref.time) >>> 0 > 0xffff))
      ref = null;
    let level = this.floor, tried;
    if (this.budget !== null) {
      level = Math.max(this.coarse, this.floor);
      if (level > this.floor && this.steady >= 8) level--;
    }
    for (;;) {
      tried = this.#encodeAt(values, ref, time, level);
      if (this.budget === null || tried.packet.length <= this.budget || level >= this.top) break;
      level++;
    }
    this.steady = level === this.coarse ? this.steady + 1 : 0;
    this.coarse = level;
    this.#commit(tried, ref === null);
    this.seq = (this.seq + 1) & 0xffff;
    return tried.packet;
  }

  #commit({ state, layer }, key) {
    if (key) {
      this.sinceKey = this.sinceRestart = 0;
      this.wantKey = false;
      this.candidate = null;
    }
    this.sinceKey++;
    if (state === null || layer) return;
    if (this.refresh && !key && ++this.sinceRestart === 2 * this.refresh) this.sinceRestart = this.refresh;
    if (this.acknowledged && !key) this.candidate = state;
    else this.base = state;
  }

  #layer() {
    if (this.acknowledged) return this.candidate && ((this.seq - this.candidate.sequence) & 0xffff) < 32 ? 1 : 0;
    return this.layers === 2 && this.sinceKey % 2 ? 1 : 0;
  }

  #quantise(spec, values, level) {
    if (values.length !== spec.size) throw new PoseError(`${spec.name} has ${spec.size} values`);
    const { channels } = spec, x = new Int32Array(spec.size), present = new Array(spec.landmarks).fill(1);
    const limit = spec.quat ? 1 << (spec.bits[0] - level) : 32767;
    for (let q = 0; q < spec.size; q++) if (!Number.isFinite(Math.fround(values[q]))) present[Math.floor(q / channels)] = 0;
    for (let q = 0; q < spec.size; q++) {
      if (!present[Math.floor(q / channels)]) continue;
      const v = Math.fround(values[q]) * 2 ** (spec.bits[q % channels] - level);
      const m = Math.min(Math.floor(Math.abs(v) + 0.5), limit);
      x[q] = v < 0 ? -m : m;
    }
    if (spec.quat) toUnitLength(values, x, present, limit);
    return { spec, x, present: present.every((p) => p) ? null : present, any: present.some((p) => p) };
  }

  #same(grids, ref, level) {
    if (grids.length !== ref.sets.size) return false;
    return grids.every(({ spec, x, present }) => {
      const s = ref.sets.get(spec.id);
      if (!s || s.coarse !== level || spec.quat || s.complete === (present !== null)) return false;
      if (present && !present.every((p, i) => !p === !s.valid[i])) return false;
      return x.every((v, q) => (present && !present[Math.floor(q / spec.channels)]) || v === s.x[q]);
    });
  }

  #encodeAt(values, ref, time, level) {
    const grids = this.sets.filter((s) => values[s.name]).map((s) => this.#quantise(s, values[s.name], level)).filter((g) => g.any);
    const layer = ref ? this.#layer() : 0;
    const segment = this.refresh && ref && layer === 0 ? this.sinceRestart - this.refresh : -1;
    const distance = ref ? (this.seq - ref.sequence) & 0xffff : 0;
    const head = (kind, lay, ...rest) => [(1 << 5) | (kind << 2) | lay, this.stream, ...put16(this.seq), ...rest];
    if (ref && segment < 0 && this.#same(grids, ref, level)) {
      return { packet: seal(head(REPEAT, 1, ...put16(time), distance), ref.check)[0], state: null, layer: 1 };
    }
    let bytes, seed = 0;
    if (!ref) bytes = head(KEY, 0, ...put32(time));
    else if (segment === 0) bytes = head(RESTART, 0, ...put32(time), distance, ...put32(ref.check));
    else {
      bytes = head(KIND_DELTA, layer, ...put16(time), distance);
      seed = ref.check;
    }
    const sets = new Map();
    for (const { spec, x, present } of grids) {
      const coder = this.coders.get(spec.id), before = ref?.sets.get(spec.id) ?? null;
      let refresh = [0, 0], gains = null;
      if (segment >= 0 && before) {
        const step = Math.max(4, Math.ceil(spec.landmarks / this.refresh)), first = segment * step;
        if (first < spec.landmarks) refresh = [first, Math.min(step, spec.landmarks - first)];
      }
      if (!before || segment === 0) {
        const past = before ?? this.base?.sets.get(spec.id);
        gains = past ? coder.gainsAfter(past) : coder.unitGains;
      }
      const { flags, body, state } = coder.encode(x, present, before, level, gains, refresh);
      sets.set(spec.id, state);
      bytes.push(spec.id, flags, ...putVarint(body.length));
      for (const b of body) bytes.push(b);
    }
    const [packet, check] = seal(bytes, seed);
    return { packet, state: { sequence: this.seq, time, check, sets }, layer };
  }
}

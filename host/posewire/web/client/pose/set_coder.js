/** Encodes and decodes one landmark set of one packet. */

import { PoseError } from "../errors.js";
import { getMask, getVarint, putDescriptor, putMask, putVarint } from "./bytes.js";
import { ALL, DELTA, HAS_INTRA_MASK, HAS_MASK, HAS_REFRESH, INTRA, MODE_INTRA, SKIP, UNIT_GAIN } from "./constants.js";
import { clamp, shiftScale, shiftValue } from "./integers.js";
import { decodePlane, encodePlane, extrapolate, newActivity, pickMode } from "./planes.js";
import { quatPrepare, quatReference, quatRestore } from "./quaternions.js";
import { cumulative, startValues } from "./trained.js";

export class SetCoder {
  constructor(spec) {
    this.spec = spec;
    this.cumulative = cumulative(spec.id === 3 || spec.id === 4 ? 1 : 0);
    this.levels = new Map();
    this.activity = newActivity();
    this.unitGains = new Array(spec.coded).fill(UNIT_GAIN);
  }

  level(coarse, gains) {
    const name = `${coarse}:${gains.join()}`;
    let found = this.levels.get(name);
    if (!found) {
      found = startValues(this.spec, coarse);
      const channels = this.spec.coded;
      found.startScale = found.startScale.map((v, q) => {
        const g = gains[q % channels], s = (g >> 2) - 8, z = v * (4 + (g & 3));
        return clamp((s >= 0 ? z << s : z >> -s) >> 2, 2, 32767);
      });
      if (this.levels.size >= 8) this.levels.clear();
      this.levels.set(name, found);
    }
    return found;
  }

  gainsAfter(state) {
    const { startScale } = this.level(state.coarse, this.unitGains), channels = this.spec.coded;
    return this.unitGains.map((_, c) => {
      let now = 0, start = 0, best = 0;
      for (let q = c; q < startScale.length; q += channels) {
        now += state.scale[q];
        start += startScale[q];
      }
      for (let g = 0; g < 48; g++) if (start * (4 + (g & 3)) * 2 ** ((g >> 2) - 8) <= 4 * now) best = g;
      return best;
    });
  }

  empty(coarse, gains) {
    const start = this.level(coarse, gains), zeros = new Int32Array(this.spec.size);
    return { spec: this.spec, coarse, gains, valid: new Uint8Array(this.spec.landmarks), x: zeros, previous: zeros, scale: start.startScale, weight: start.startWeight, complete: false, known: ALL };
  }

  atLevel(state, coarse) {
    if (state.coarse === coarse) return state;
    const by = coarse - state.coarse, move = (v) => shiftValue(v, by);
    return { ...state, coarse, x: state.x.map(move), previous: state.previous.map(move), scale: state.scale.map((v) => shiftScale(v, by)) };
  }

  planLandmarks(order, present, ref, refresh) {
    const { landmarks, coded } = this.spec, action = new Uint8Array(landmarks);
    for (let i = 0; i < landmarks; i++) action[i] = ref.valid[i] ? DELTA : INTRA;
    for (let j = refresh[0]; j < refresh[0] + refresh[1] && j < landmarks; j++) action[order[5 * j] / coded] = INTRA;
    if (present) for (let i = 0; i < landmarks; i++) if (!present[i]) action[i] = SKIP;
    return action;
  }

  job(start, action, ref, x, base) {
    const n = this.spec.codedSize;
    return { order: start.order, landmarks: this.spec.landmarks, channels: this.spec.coded, action, valid: ref.valid, x, base, template: start.template, intraScale: start.intraScale,
      startScale: start.startScale, startWeight: start.startWeight, scale: ref.scale, weight: ref.weight, newScale: Int32Array.from(start.startScale), newWeight: Int32Array.from(start.startWeight), activity: this.activity, n };
  }

  after(ref, coarse, gains, action, x, job, known) {
    const { landmarks, channels } = this.spec, valid = new Uint8Array(landmarks), previous = Int32Array.from(ref.x);
    x = Int32Array.from(x);
    for (let i = 0; i < landmarks; i++)
      for (let q = i * channels; q < (i + 1) * channels; q++) {
        if (action[i] === SKIP) x[q] = ref.x[q];
        else {
          valid[i] = 1;
          if (action[i] === INTRA) previous[q] = x[q];
        }
      }
    return { spec: this.spec, coarse, gains, valid, x, previous, scale: job.newScale, weight: job.newWeight, complete: valid.every((v) => v), known };
  }

  encode(x, present, before, coarse, gains, refresh) {
    const { spec } = this, fresh = before === null;
    const ref = fresh ? this.empty(coarse, gains) : this.atLevel(before, coarse);
    const use = gains ?? ref.gains, start = this.level(coarse, use), landmarks = spec.landmarks;
    const action = this.planLandmarks(start.order, present, ref, refresh);
    let coded = x, reference = ref.x, previous = ref.previous, jumps = null, dropped = null;
    const unit = spec.quat ? 1 << (spec.bits[0] - coarse) : 0;
    if (spec.quat) {
      [coded, reference, previous, dropped] = [new Int32Array(3 * landmarks), new Int32Array(3 * landmarks), new Int32Array(3 * landmarks), new Uint8Array(landmarks)];
      jumps = quatPrepare(landmarks, unit, action, x, ref.x, ref.previous, coded, reference, previous, dropped);
    }
    const mode = fresh ? 0 : pickMode(start.order, landmarks, spec.coded, action, coded, reference, previous);
    const job = this.job(start, action, ref, Int32Array.from(coded), mode ? extrapolate(reference, previous, mode) : reference);
    const code = encodePlane(job, this.cumulative);
    let flags = (fresh ? MODE_INTRA : mode) | (coarse << 2);
    const body = [];
    if (gains) body.push(...putDescriptor(spec), ...gains);
    if (present) {
      flags |= HAS_MASK;
      body.push(...putMask(present));
    }
    if (refresh[1]) {
      flags |= HAS_REFRESH;
      body.push(...putVarint(refresh[0]), ...putVarint(refresh[1]));
    }
    if (jumps) {
      flags |= HAS_INTRA_MASK;
      body.push(...putMask(jumps));
    }
    if (spec.quat) {
      const drops = [];
      for (let i = 0, k = 0; i < landmarks; i++) if (action[i] === INTRA) {
        if ((k & 3) === 0) drops.push(0);
        drops[drops.length - 1] |= (dropped[i] & 3) << (2 * (k++ & 3));
      }
      body.push(...drops);
    }
    body.push(...code);
    const final = spec.quat ? quatRestore(landmarks, unit, action, job.x, dropped, ref.x) : x;
    return { flags, body, state: this.after(ref, coarse, use, action, final, job, ref.known) };
  }

  decode(data, flags, pos, end, before, gains, cold) {
    const { spec } = this, landmarks = spec.landmarks, mode = flags & 3, coarse = (flags >> 2) & 7, fresh = mode === MODE_INTRA;
    if (spec.quat && coarse > spec.bits[0] - 4) throw new PoseError("the block is coarser than its set can be");
    if (!before && !(fresh || cold)) throw new PoseError("a set continues that is not in the reference");
    let ref;
    if (fresh || !before) {
      ref = this.empty(coarse, gains ?? this.unitGains);
      if (cold && !fresh) ref.known = 0;
    } else ref = this.atLevel(before, coarse);
    const use = gains ?? ref.gains, start = this.level(coarse, use);
    let present = null, jumps = null, refresh = [0, 0];
    if (flags & HAS_MASK) [present, pos] = getMask(landmarks, data, pos, end);
    if (flags & HAS_REFRESH) {
      let first, count;
      [first, pos] = getVarint(data, pos, end);
      [count, pos] = getVarint(data, pos, end);
      if (first + count > landmarks) throw new PoseError("a refresh goes beyond the last landmark");
      refresh = [first, count];
    }
    let stop = landmarks, known = ref.known;
    if (known < landmarks) {
      if (refresh[1] && refresh[0] === known) known += refresh[1];
      stop = known;
    }
    const action = this.planLandmarks(start.order, present, ref, refresh);
    if (flags & HAS_INTRA_MASK) {
      [jumps, pos] = getMask(landmarks, data, pos, end);
      jumps.forEach((yes, i) => {
        if (yes && action[i] === DELTA) action[i] = INTRA;
      });
    }
    let coded = Int32Array.from(ref.x), reference = ref.x, previous = ref.previous, dropped = null;
    if (spec.quat) {
      if (stop < landmarks) throw new PoseError("quaternions cannot be refreshed");
      [coded, reference, previous, dropped] = [new Int32Array(3 * landmarks), new Int32Array(3 * landmarks), new Int32Array(3 * landmarks), new Uint8Array(landmarks)];
      let k = 0;
      for (let i = 0; i < landmarks; i++) if (action[i] === INTRA) {
        if (pos + (k >> 2) >= end) throw new PoseError("dropped components are cut");
        dropped[i] = (data[pos + (k >> 2)] >> (2 * (k & 3))) & 3;
        k++;
      }
      pos += (k + 3) >> 2;
      quatReference(landmarks, action, ref.x, ref.previous, reference, previous, dropped);
    }
    const job = this.job(start, action, ref, coded, mode === 1 || mode === 2 ? extrapolate(reference, previous, mode) : reference);
    if (!decodePlane(job, stop, this.cumulative, data, pos, end)) throw new PoseError("the entropy-coded part does not end where it must");
    if (spec.quat) coded = quatRestore(landmarks, 1 << (spec.bits[0] - coarse), action, coded, dropped, ref.x);
    for (let j = stop; j < landmarks; j++) action[start.order[5 * j] / spec.coded] = SKIP;
    return this.after(ref, coarse, use, action, coded, job, known);
  }

  fromSnapshot(data, flags, pos, end, gains) {
    const { spec } = this, landmarks = spec.landmarks, coarse = (flags >> 2) & 7, start = this.level(coarse, gains);
    if (spec.quat && coarse > spec.bits[0] - 4) throw new PoseError("the block is coarser than its set can be");
    let there;
    [there, pos] = getMask(landmarks, data, pos, end);
    const valid = Uint8Array.from(there), intra = valid.map((v) => (v ? INTRA : SKIP)), delta = valid.map((v) => (v ? DELTA : SKIP));
    const flat = (channels) => Int32Array.from({ length: 5 * landmarks }, (_, k) => (k % 5 === 0 ? (k / 5) * channels : 0));
    const n = spec.size, nc = spec.codedSize, fill = (v) => new Int32Array(n).fill(v);
    const order = spec.quat ? flat(4) : start.order, own = flat(spec.coded);
    const template = spec.quat ? fill(0) : start.template, wide = spec.quat ? fill(start.intraScale[0]) : start.intraScale, near = spec.quat ? fill(start.startScale[0]) : start.startScale;
    const x = fill(0), previous = fill(0), scale = Int32Array.from(start.startScale), weight = Int32Array.from(start.startWeight);
    const planes = [
      [x, order, intra, spec.channels, template, wide, x],
      [previous, order, delta, spec.channels, template, wide, x],
      [scale, own, intra, spec.coded, start.startScale, start.startScale.map((v) => Math.min(v * 8, 32767)), scale],
      [weight, own, intra, spec.coded, start.startWeight, new Int32Array(nc).fill(128), weight],
    ];
    for (const [out, use, action, channels, template, scale, base] of planes) {
      let size;
      [size, pos] = getVarint(data, pos, end);
      const ones = new Int32Array(landmarks * channels).fill(64), start = action === delta ? near : scale, size2 = landmarks * channels;
      const job = { order: use, landmarks, channels, action, valid, x: out, base: base === out ? Int32Array.from(out) : base, template, intraScale: scale, startScale: start,
        startWeight: ones, scale: start, weight: ones, newScale: new Int32Array(size2), newWeight: new Int32Array(size2), activity: this.activity };
      if (pos + size > end || !decodePlane(job, landmarks, this.cumulative, data, pos, pos + size)) throw new PoseError("a plane of the snapshot does not end where it must");
      pos += size;
    }
    if (pos !== end || scale.some((v) => v < 2) || weight.some((v) => v < 0 || v > 80)) throw new PoseError("a snapshot out of range");
    return { spec, coarse, gains, valid, x, previous, scale, weight, complete: valid.every((v) => v), known: ALL };
  }
}

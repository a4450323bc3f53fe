/** Prediction and entropy coding of the values of one set. */

import { DELTA, LOW, SKIP } from "./constants.js";
import { BUCKET, clamp, wrap } from "./integers.js";
import { cumulative } from "./trained.js";

function startActivity(order, landmarks, channels, scale, seen, expected, ratio) {
  for (let c = 0; c < channels; c++) {
    let s = 0;
    for (let j = 0; j < 4 && j < landmarks; j++) s += scale[order[5 * j] + c];
    seen[c] = expected[c] = s;
    ratio[c] = 64;
  }
}

function updateActivity(seen, expected, ratio, channels) {
  for (let c = 0; c < channels; c++) ratio[c] = clamp(Math.floor((seen[c] * 64) / expected[c]), 8, 512);
  if (channels > 2) {
    const s = ratio[0] + ratio[1] + ratio[2] + 4;
    for (let c = 0; c < 3; c++) ratio[c] = (5 * ratio[c] + s) >> 3;
  }
}

/** Mean innovation of the landmarks that predict the one at `order[entry]`. */
function predict(order, entry, channel, innovation) {
  const count = order[entry + 1], of = (place) => innovation[order[entry + 1 + place] + channel];
  if (count === 0) return 0;
  if (count === 1) return of(1);
  if (count === 2) return (of(1) + of(2) + 1) >> 1;
  return ((of(1) + of(2) + of(3)) * 10923 + 16384) >> 15;
}

export const newActivity = () => Array.from({ length: 6 }, () => new Int32Array(8));

/** One pass over the landmarks; `code(bucket, isLast, predicted, index)` returns the residual (coding it or reading it). */
function codeLandmarks(job, stop, code) {
  const { order, landmarks, channels, action, valid, x, base } = job;
  const { template, intraScale, startScale, startWeight, scale, weight, newScale, newWeight } = job;
  const deltaInnovation = new Int32Array(x.length), intraInnovation = new Int32Array(x.length);
  const [deltaSeen, deltaExpected, deltaRatio, intraSeen, intraExpected, intraRatio] = job.activity;
  startActivity(order, landmarks, channels, scale, deltaSeen, deltaExpected, deltaRatio);
  startActivity(order, landmarks, channels, intraScale, intraSeen, intraExpected, intraRatio);
  let last = landmarks - 1;
  while (last > 0 && action[order[5 * last] / channels] === SKIP) last--;
  const interval = landmarks < 40 ? 0 : 3;
  for (let position = 0; position < stop; position++) {
    const entry = 5 * position, first = order[entry], count = order[entry + 1], landmark = first / channels;
    const how = action[landmark];
    for (let channel = 0; channel < channels; channel++) {
      const index = first + channel;
      if (how === SKIP) {
        deltaInnovation[index] = intraInnovation[index] = 0;
        newScale[index] = startScale[index];
        newWeight[index] = startWeight[index];
        continue;
      }
      const delta = how === DELTA;
      let near = 0, prediction, current = delta ? scale[index] : intraScale[index];
      if (delta && count === 1) {
        near = deltaInnovation[order[entry + 2] + channel];
        prediction = (weight[index] * near + 32) >> 6;
      } else prediction = predict(order, entry, channel, delta ? deltaInnovation : intraInnovation);
      const expected = (current * (delta ? deltaRatio[channel] : intraRatio[channel])) >> 6;
      const bucket = expected < 4096 ? BUCKET[expected] : 16 + BUCKET[expected >> 8];
      const from = delta ? base[index] : template[index];
      const residual = code(bucket, position === last, wrap(prediction + from), index);
      if (residual === null) return false;
      const innovation = wrap(residual + prediction);
      x[index] = wrap(innovation + from);
      const size = Math.min(Math.abs(residual) << 4, 32767);
      if (delta) {
        deltaInnovation[index] = innovation;
        intraInnovation[index] = wrap(x[index] - template[index]);
        deltaSeen[channel] += size;
        deltaExpected[channel] += current;
        current += (size - current + 4) >> 3;
        newScale[index] = current > 2 ? current : 2;
        const turn = near === 0 || residual === 0 ? 0 : residual > 0 === near > 0 ? 2 : -2;
        newWeight[index] = clamp(weight[index] + turn, 0, 80);
      } else {
        intraInnovation[index] = innovation;
        intraSeen[channel] += size;
        intraExpected[channel] += current;
        deltaInnovation[index] = valid[landmark] ? wrap(x[index] - base[index]) : 0;
        newScale[index] = startScale[index];
        newWeight[index] = startWeight[index];
      }
    }
    if ((position & interval) === interval) {
      updateActivity(deltaSeen, deltaExpected, deltaRatio, channels);
      updateActivity(intraSeen, intraExpected, intraRatio, channels);
    }
  }
  return true;
}

/** Residuals of `job.x` and their rANS code. */
export function encodePlane(job, cumulative) {
  const residuals = [], contexts = [], tails = [];
  codeLandmarks(job, job.landmarks, (bucket, last, predicted, q) => {
    const r = wrap(job.x[q] - predicted);
    residuals.push(r);
    contexts.push(bucket);
    tails.push(last);
    return r;
  });
  const out = [];
  let s = 1;
  const emit = (limit) => {
    while (s >= limit) {
      out.push(s & 255);
      s >>= 8;
    }
  };
  for (let i = residuals.length - 1; i >= 0; i--) {
    const a = Math.abs(residuals[i]), neg = residuals[i] < 0 ? 1 : 0;
    let t = contexts[i], k = 0;
    if (tails[i]) {
      if (t >= 10) k = (t - 9) >> 1;
      const h = a >> k;
      if (a) {
        emit(1 << 29);
        s = (s << 1) | neg;
      }
      if (h >= 12) k = 16;
      emit((1 << 30) >> k);
      s = (s << k) | (a & ((1 << k) - 1));
      for (let z = 0; z < (h >= 12 ? 12 : h + 1); z++) {
        emit(1 << 29);
        s = (s << 1) | (z === 0 && h < 12 ? 1 : 0);
      }
      continue;
    }
    if (t >= 14) {
      k = (t - 12) >> 1;
      t = 12 + (t & 1);
    }
    const v = a >> k, sym = v < 31 ? v : 31;
    if (v || k) {
      emit((1 << 29) >> k);
      s = (s << (k + 1)) | ((a & ((1 << k) - 1)) << 1) | neg;
    }
    if (sym === 31) {
      const u = v - 30, nb = 31 - Math.clz32(u);
      emit((1 << 30) >> nb);
      s = (s << nb) | (u & ((1 << nb) - 1));
      emit(1 << 26);
      s = (s << 4) | nb;
    }
    const c = cumulative[t * 33 + sym], f = cumulative[t * 33 + sym + 1] - c;
    while (s >= f * 262144) {
      out.push(s & 255);
      s >>= 8;
    }
    const h = Math.floor(s / f);
    s = h * 4096 + (s - h * f) + c;
  }
  while (s) {
    out.push(s & 255);
    s >>= 8;
  }
  return out.reverse();
}

/** Reads `data[pos:end]` into `job`; false when it does not end as an encoder ends it. */
export function decodePlane(job, stop, cumulative, data, pos, end) {
  let s = 0;
  const refill = () => {
    while (s < LOW && pos < end) s = (s << 8) | data[pos++];
  };
  const raw = (n) => {
    const v = s & ((1 << n) - 1);
    s >>= n;
    refill();
    return v;
  };
  refill();
  const ok = codeLandmarks(job, stop, (bucket, last) => {
    let r, neg = 0, t = bucket;
    if (last) {
      let k = t < 10 ? 0 : (t - 9) >> 1, h = 0;
      while (h < 12 && !raw(1)) h++;
      if (h === 12) {
        k = 16;
        h = 0;
      }
      r = (h << k) | raw(k);
      if (r) neg = raw(1);
    } else {
      let k = 0;
      if (t >= 14) {
        k = (t - 12) >> 1;
        t = 12 + (t & 1);
      }
      const h = s & 4095;
      let z = t * 33, v = 0;
      while (cumulative[z + 1] <= h) {
        z++;
        v++;
      }
      s = (cumulative[z + 1] - cumulative[z]) * (s >> 12) + h - cumulative[z];
      refill();
      if (v === 31) {
        const nb = raw(4);
        v = 30 + ((1 << nb) | raw(nb));
      }
      r = v;
      if (v || k) {
        const low = raw(k + 1);
        neg = low & 1;
        r = (v << k) | (low >> 1);
      }
    }
    if (r > 32768 || (neg && r === 0)) return null;
    return neg ? -r : r;
  });
  return ok && (stop < job.landmarks || (s === 1 && pos === end));
}

export function pickMode(order, landmarks, channels, action, x, reference, previous) {
  const cc = Math.min(channels, 3), sums = new Float64Array(9), step = landmarks >= 32 ? Math.floor(landmarks / 16) : 1;
  for (let j = landmarks - 1, seen = 0; j >= 0 && seen < 16; j -= step, seen++) {
    const at = 5 * j, b = order[at], k = order[at + 1];
    if (action[b / channels] !== DELTA) continue;
    for (let c = 0; c < cc; c++) {
      let q = b + c, v = x[q] - reference[q], h = reference[q] - previous[q], va = 0, ha = 0;
      for (let n = 0; n < k; n++) {
        q = order[at + 2 + n] + c;
        va += x[q] - reference[q];
        ha += reference[q] - previous[q];
      }
      if (k === 2) {
        va >>= 1;
        ha >>= 1;
      } else if (k === 3) {
        va = (va * 85) >> 8;
        ha = (ha * 85) >> 8;
      }
      v -= va;
      h -= ha;
      sums[c] += Math.abs(v);
      sums[cc + c] += Math.abs(v - (h >> 1));
      sums[2 * cc + c] += Math.abs(v - h);
    }
  }
  let best = 0, least = 0;
  for (let mode = 0; mode < 3; mode++) {
    let t = 0;
    for (let c = 0; c < cc; c++) t += Math.floor((sums[mode * cc + c] * 64) / (sums[c] + 1));
    if (mode === 0) least = t;
    else {
      t += t >> 4;
      if (t < least) {
        least = t;
        best = mode;
      }
    }
  }
  return best;
}

export const extrapolate = (reference, previous, mode) => reference.map((v, q) => wrap(v + (mode === 1 ? (v - previous[q]) >> 1 : v - previous[q])));

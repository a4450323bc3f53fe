/** The One-Euro filter. */

const smoothing = (cutoff, dt) => {
  const r = 2 * Math.PI * cutoff * dt;
  return r / (r + 1);
};

/** The One-Euro filter (Casiez, Roussel, Vogel, CHI 2012): less jitter at rest, little lag in motion. Lossy: off unless
 * an encoder is given one. `minCutoff` in Hz: lower is steadier; `beta`: higher lags less in motion. */
export class OneEuro {
  #state = new Map();

  constructor({ minCutoff = 1, beta = 10, derivativeCutoff = 1 } = {}) {
    Object.assign(this, { minCutoff, beta, derivativeCutoff });
  }

  /** The filtered values of a set at `timeMs`; values that were missing (NaN) start anew when they come back. */
  apply(name, values, timeMs) {
    const now = Float32Array.from(values);
    const before = this.#state.get(name);
    if (!before || before.last.length !== now.length) {
      this.#state.set(name, { last: Float64Array.from(now), speed: new Float64Array(now.length), time: timeMs });
      return now;
    }
    const { last, speed } = before;
    const dt = Math.max(((timeMs - before.time) >>> 0) / 1000, 1e-3);
    const follow = smoothing(this.derivativeCutoff, dt);
    for (let q = 0; q < now.length; q++) {
      const raw = (now[q] - last[q]) / dt;
      speed[q] += follow * ((Number.isNaN(raw) ? 0 : raw) - speed[q]);
      const alpha = smoothing(this.minCutoff + this.beta * Math.abs(speed[q]), dt);
      last[q] = Number.isNaN(last[q]) ? now[q] : last[q] + alpha * (now[q] - last[q]);
    }
    before.time = timeMs;
    return Float32Array.from(last);
  }
}

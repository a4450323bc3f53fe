/** The clocks of the client, and what pings say of the host's. */

const RECENT = 8;
const KEPT = 512;

/** Milliseconds on a clock that does not run backwards, the same one in a page and in its workers. */
export const monotonicMs = () => performance.timeOrigin + performance.now();

/**
 * Learns from pings: a round trip, and the host's clock in the middle of it. The offset is that of the fastest of the
 * last eight round trips: it can be wrong by half of it at most.
 */
export class ClockOffset {
  /** @type {number[]} */
  #roundTrips = [];
  /** @type {{roundTrip: number, offset: number}[]} */
  #recent = [];

  /**
   * Take the times of a ping, on this clock and the host's; returns the round trip in ms.
   * @param {number} sentMs
   * @param {number} receivedMs
   * @param {number | null} hostMs
   */
  add(sentMs, receivedMs, hostMs) {
    const roundTrip = receivedMs - sentMs;
    this.#roundTrips.push(roundTrip);
    if (this.#roundTrips.length > KEPT) this.#roundTrips.shift();
    if (hostMs !== null) {
      this.#recent.push({ roundTrip, offset: hostMs - (sentMs + receivedMs) / 2 });
      if (this.#recent.length > RECENT) this.#recent.shift();
    }
    return roundTrip;
  }

  /** Milliseconds that the host's clock is ahead of this one; null before it is known. */
  get offsetMs() {
    if (!this.#recent.length) return null;
    return this.#recent.reduce((best, next) => (next.roundTrip < best.roundTrip ? next : best)).offset;
  }

  /** The last round trip; null before the first. */
  get roundTripMs() {
    return this.#roundTrips.at(-1) ?? null;
  }

  /** Percentiles of the last 512 round trips in ms; null before the first. */
  percentiles() {
    return {
      p50: percentile(this.#roundTrips, 0.5),
      p95: percentile(this.#roundTrips, 0.95),
      p99: percentile(this.#roundTrips, 0.99),
    };
  }
}

/**
 * The smallest value that at least this share of the values does not exceed; null of none.
 * @param {readonly number[]} values
 * @param {number} share
 */
export function percentile(values, share) {
  if (!values.length) return null;
  const ordered = [...values].sort((a, b) => a - b);
  return ordered[Math.min(ordered.length - 1, Math.max(0, Math.ceil(share * ordered.length) - 1))];
}

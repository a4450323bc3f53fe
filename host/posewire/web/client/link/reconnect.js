/** When to try again after a lost connection, and when to give up. */

/** @typedef {(attempt: number) => number | null} Strategy takes the number of the attempt; returns ms, null to give up */

/**
 * Wait a random time between 0 and a length that doubles (full jitter): so many pages that lost the same host do not
 * come back at the same moment.
 * @param {number} [firstMs]
 * @param {number} [longestMs]
 * @param {() => number} [chance] a number from 0 to 1
 * @returns {Strategy}
 */
export const exponentialBackoff =
  (firstMs = 100, longestMs = 1500, chance = Math.random) =>
  (attempt) =>
    chance() * Math.min(longestMs, firstMs * 2 ** Math.min(attempt - 1, 64));

/**
 * @param {number} [ms]
 * @returns {Strategy}
 */
export const fixedDelay =
  (ms = 1000) =>
  () =>
    ms;

/** A lost connection stays lost. @type {Strategy} */
export const NO_RECONNECT = () => null;

/** A pause that ends early when there is a reason to look again: the network is back, or the page is seen again. */

/** Events after which what a sleeping page believed may be wrong: browsers slow its timers down, or stop them. */
const EVENTS = /** @type {const} */ (["online", "pageshow", "visibilitychange"]);

/**
 * Call a function whenever the page wakes up; returns a function that stops that. Elsewhere than in a page only the
 * network's return is known, if at all.
 * @param {() => void} awake
 */
export function onWaking(awake) {
  const wake = () => {
    if (globalThis.document?.visibilityState !== "hidden") awake();
  };
  // `visibilitychange` comes to the document, and bubbles.
  for (const event of EVENTS) globalThis.addEventListener?.(event, wake);
  return () => {
    for (const event of EVENTS) globalThis.removeEventListener?.(event, wake);
  };
}

/**
 * Wait so many milliseconds, or until the page wakes up, or the signal is aborted.
 * @param {number} ms
 * @param {AbortSignal} signal
 */
export async function pause(ms, signal) {
  /** @type {() => void} */
  let over = () => {};
  const woken = new Promise((resolve) => (over = () => resolve(undefined)));
  const timer = setTimeout(over, ms);
  const stop = onWaking(over);
  signal.addEventListener("abort", over);
  if (!signal.aborted) await woken;
  clearTimeout(timer);
  stop();
  signal.removeEventListener("abort", over);
}

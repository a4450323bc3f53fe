/** The page's own connection to the host: one for all views, which comes back by itself. */

import { HostConnection, PosewireError, UnauthorizedError, ownHost } from "/posewire/v1/client/posewire.js";
import { useEffect, useState } from "/vendor/htm-preact.js";

const AGAIN_MS = 2000;
/** After a refusal: a host shuts out who asks in vain too often. */
const AFTER_REFUSAL_MS = 30_000;

/** @type {HostConnection | null} */
let host = null;
/** Since when it is away, after it was there: unix time. @type {number | null} */
let lostAt = null;
/** @type {Set<() => void>} */
const watchers = new Set();

/** @param {unknown} error */
const isRefusal = (error) => error instanceof UnauthorizedError || (error instanceof PosewireError && error.code === "too_many");

/** Connect, and again, as long as the page is open. */
export async function goLive() {
  for (;;) {
    const next = new HostConnection(ownHost());
    next.on("changed", (before, now) => {
      if (before === "connected") lostAt = Date.now() / 1000;
      if (now === "connected") lostAt = null;
      watchers.forEach((look) => look());
    });
    host = next;
    let pause = AGAIN_MS;
    next.on("error", (error) => {
      if (isRefusal(error)) pause = AFTER_REFUSAL_MS;
    });
    try {
      await next.open();
      await new Promise((resolve) => next.on("closed", resolve));
    } catch (error) {
      // The state says it, and the next attempt follows.
      if (isRefusal(error)) pause = AFTER_REFUSAL_MS;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Return the connection, its state, and since when it is lost, now and whenever it changes. */
export function useHost() {
  const [, look] = useState(0);
  useEffect(() => {
    const again = () => look((n) => n + 1);
    watchers.add(again);
    return () => watchers.delete(again);
  }, []);
  return { host, state: host?.state ?? "new", lostAt };
}

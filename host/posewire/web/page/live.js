/** The page's own connection to the host: one for all views, which comes back by itself. */

import { HostConnection, ownHost } from "/posewire/v1/client/posewire.js";
import { useEffect, useState } from "/vendor/htm-preact.js";

const AGAIN_MS = 2000;

/** @type {HostConnection | null} */
let host = null;
/** @type {Set<() => void>} */
const watchers = new Set();

/** Connect, and again, as long as the page is open. */
export async function goLive() {
  for (;;) {
    const next = new HostConnection(ownHost());
    next.on("changed", () => watchers.forEach((look) => look()));
    host = next;
    try {
      await next.open();
      await new Promise((resolve) => next.on("closed", resolve));
    } catch {
      // The state says it, and the next attempt follows.
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
  }
}

/** Return the connection and its state, now and whenever it changes. */
export function useHost() {
  const [, look] = useState(0);
  useEffect(() => {
    const again = () => look((n) => n + 1);
    watchers.add(again);
    return () => watchers.delete(again);
  }, []);
  return { host, state: host?.state ?? "new" };
}

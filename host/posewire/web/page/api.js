/** The host's HTTP interface (docs/http-api.md), and hooks to follow it. */

import { useCallback, useEffect, useRef, useState } from "/vendor/htm-preact.js";

/** The host has refused; `status` is HTTP's. */
export class ApiError extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * Ask the host; returns its answer.
 * @param {string} path
 * @param {{method?: string, body?: object}} [options]
 * @returns {Promise<any>}
 */
export async function ask(path, { method, body } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: method ?? (body ? "POST" : "GET"),
      headers: { "Posewire-Page": "1" },
      body: body && JSON.stringify(body),
      cache: "no-store",
    });
  } catch {
    throw new ApiError("the host does not answer", 0);
  }
  // The sign-in has ended: asking on would only make the host shut out this address.
  if (answer.status === 401 && path !== "/api/session") location.reload();
  const value = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(value.message ?? `HTTP ${answer.status}`, answer.status);
  return value;
}

/**
 * Return a text as a QR code, in SVG.
 * @param {string} text
 */
export async function drawQr(text) {
  const answer = await fetch("/api/qr", { method: "POST", headers: { "Posewire-Page": "1" }, body: JSON.stringify({ text }) });
  if (!answer.ok) throw new ApiError(`HTTP ${answer.status}`, answer.status);
  return answer.text();
}

/**
 * Ask again and again, while the page is seen; returns the newest answer, an error, and a function to ask now.
 * @param {string | null} path null: nothing is asked
 * @param {number} everyMs
 * @returns {{value: any, error: ApiError | null, refresh: () => Promise<void>}}
 */
export function usePolled(path, everyMs) {
  const [state, setState] = useState(
    /** @type {{path: string | null, value: any, error: any}} */ ({ path, value: null, error: null }),
  );
  const wanted = useRef(path);
  wanted.current = path;
  const refresh = useCallback(async () => {
    if (path === null || document.hidden) return;
    try {
      const value = await ask(path);
      if (wanted.current === path) setState({ path, value, error: null });
    } catch (error) {
      if (wanted.current === path) setState((before) => ({ path, value: before.path === path ? before.value : null, error }));
    }
  }, [path]);
  useEffect(() => {
    refresh();
    const timer = setInterval(refresh, everyMs);
    document.addEventListener("visibilitychange", refresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", refresh);
    };
  }, [refresh, everyMs]);
  return { value: state.path === path ? state.value : null, error: state.error, refresh };
}

/**
 * Return a function that does something and keeps what came of it for the person: `[say, run]`.
 * @returns {[{text: string, bad: boolean} | null, (work: () => Promise<string | void>) => Promise<void>]}
 */
export function useOutcome() {
  const [outcome, setOutcome] = useState(/** @type {{text: string, bad: boolean} | null} */ (null));
  const run = useCallback(async (/** @type {() => Promise<string | void>} */ work) => {
    try {
      const text = await work();
      setOutcome(text ? { text, bad: false } : null);
    } catch (error) {
      setOutcome({ text: error instanceof Error ? error.message : String(error), bad: true });
    }
  }, []);
  return [outcome, run];
}

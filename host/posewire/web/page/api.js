/** The host's HTTP interface (docs/http-api.md), and hooks to follow it. */

import { HostUnreachableError, PosewireError, UnauthorizedError, WireError } from "/posewire/v1/client/errors.js";
import { useCallback, useEffect, useRef, useState } from "/vendor/htm-preact.js";
import { errorText, t } from "./text.js";

/** Seconds: as old may an answer be that is asked for again and again. */
const POLL_AGE = 1;
const POLL_TIMEOUT_MS = 15_000;

/** The host has refused; `code` says why, `answer` is what else it has said. */
export class RefusedError extends WireError {
  /** @override */
  name = "RefusedError";

  /** @param {{code: string, message: string} & Record<string, any>} answer */
  constructor(answer) {
    super(answer.message, answer.code);
    this.answer = answer;
  }
}

/**
 * How a request is sent; `maxAge`: the answer may be as many seconds old, so that many pages share one;
 * `timeoutMs`: it is given up after so long.
 * @typedef {{method?: string, body?: object, maxAge?: number, timeoutMs?: number}} Options
 */

/**
 * Send a request; throws RefusedError where the host refuses it, HostUnreachableError where none answers.
 * @param {string} path
 * @param {Options} [options]
 */
async function request(path, { method, body, maxAge, timeoutMs } = {}) {
  let answer;
  try {
    answer = await fetch(path, {
      method: method ?? (body ? "POST" : "GET"),
      headers: { "Posewire-Page": "1", ...(maxAge && { "Cache-Control": `max-age=${maxAge}` }) },
      body: body && JSON.stringify(body),
      cache: "no-store",
      signal: timeoutMs ? AbortSignal.timeout(timeoutMs) : undefined,
    });
  } catch (cause) {
    throw new HostUnreachableError("the host does not answer", undefined, { cause });
  }
  if (answer.ok) return answer;
  // The sign-in has ended: asking on would only make the host shut out this address.
  if (answer.status === 401 && path !== "/api/session") location.reload();
  const refusal = await answer.json().catch(() => null);
  if (refusal?.code) throw new RefusedError(refusal);
  throw new HostUnreachableError(`a server before the host answers ${answer.status}`);
}

/**
 * Ask the host; returns its answer.
 * @param {string} path
 * @param {Options} [options]
 * @returns {Promise<any>}
 */
export const ask = async (path, options) => (await request(path, options)).json();

/**
 * Call a tool in a device's session; returns what it answers, throws where it fails.
 * @param {string} device
 * @param {string} tool
 * @param {object} [values] its arguments
 * @returns {Promise<string>}
 */
export async function callTool(device, tool, values = {}) {
  const path = `/api/devices/${encodeURIComponent(device)}/tools/${encodeURIComponent(tool)}`;
  const { text, failed } = await ask(path, { body: { arguments: values } });
  if (failed) throw new Error(text);
  return text;
}

/**
 * Return the bytes of a file of the host.
 * @param {string} path
 */
export const askBytes = async (path) => new Uint8Array(await (await request(path)).arrayBuffer());

/**
 * Return a text as a QR code, in SVG.
 * @param {string} text
 */
export const drawQr = async (text) => (await request("/api/qr", { body: { text } })).text();

/** What the codes of errors mean to whoever looks at the page. @type {Record<string, () => string>} */
const WORDS = {
  not_connected: () => t("The host does not answer."),
  not_owner: () => t("Only the owner of the room may do that."),
  room_locked: () => t("The room is locked."),
  timeout: () => t("The host does not answer."),
  unauthorized: () => t("This host does not know that token: it is mistyped, has expired, or was revoked."),
};

/**
 * What has failed, for people: by its code where there are words of the page for it, else in the words of the error.
 * @param {unknown} error
 */
export function inWords(error) {
  if (!(error instanceof PosewireError)) return error instanceof Error ? error.message : String(error);
  // The host itself says `not_available`, too, of a part that it does not have.
  if (error instanceof HostUnreachableError && !(error instanceof UnauthorizedError)) return t("The host does not answer.");
  return WORDS[error.code]?.() ?? errorText(error.code, error.message);
}

/**
 * Ask again and again, while the page is seen; returns the newest answer, an error, and a function to ask now.
 * @param {string | null} path null: nothing is asked
 * @param {number} everyMs
 * @returns {{value: any, error: PosewireError | null, refresh: () => Promise<void>}}
 */
export function usePolled(path, everyMs) {
  const [state, setState] = useState(
    /** @type {{path: string | null, value: any, error: any}} */ ({ path, value: null, error: null }),
  );
  const asked = useRef(0);
  const shown = useRef(0);
  const wanted = useRef(path);
  wanted.current = path;
  const look = useCallback(async (/** @type {Options} */ options) => {
    if (path === null || document.hidden) return;
    const number = ++asked.current;
    // An older answer that comes late is none any more.
    const newest = () => wanted.current === path && number > shown.current;
    try {
      const value = await ask(path, { ...options, timeoutMs: POLL_TIMEOUT_MS });
      if (newest()) setState({ path, value, error: null });
    } catch (error) {
      if (newest()) setState((before) => ({ path, value: before.path === path ? before.value : null, error }));
    }
    shown.current = Math.max(number, shown.current);
  }, [path]);
  const refresh = useCallback(() => look({}), [look]);
  useEffect(() => {
    let timer = 0;
    let alive = true;
    // The next one after the answer: a host that is slow is not asked more and more.
    const wait = () => {
      timer = setTimeout(async () => {
        await look({ maxAge: POLL_AGE });
        if (alive) wait();
      }, everyMs);
    };
    refresh();
    wait();
    document.addEventListener("visibilitychange", refresh);
    return () => {
      alive = false;
      clearTimeout(timer);
      document.removeEventListener("visibilitychange", refresh);
    };
  }, [look, refresh, everyMs]);
  return { value: state.path === path ? state.value : null, error: state.error, refresh };
}

/**
 * Return what came of the last thing that the person did, and a function that does one. While it is under way
 * `meanwhile` is told.
 * @returns {[Page.Outcome | null, Page.Run]}
 */
export function useOutcome() {
  const [outcome, setOutcome] = useState(/** @type {Page.Outcome | null} */ (null));
  const run = useCallback(async (/** @type {() => Promise<string | void>} */ work, meanwhile = "") => {
    const told = (/** @type {string | void} */ text) => setOutcome(text ? { text, bad: false } : null);
    try {
      told(meanwhile);
      told(await work());
    } catch (error) {
      setOutcome({ text: inWords(error), bad: true });
    }
  }, []);
  return [outcome, run];
}

/** Why a WebSocket was not opened: browsers do not say, so the same address is asked by HTTP. */

import { noHost, refused, silent } from "./host_problems.js";

const PATIENCE_MS = 3000;
/** What a host answers to who would be let in, and does not come with a WebSocket (RFC 9110 section 15.5.22). */
const UPGRADE_REQUIRED = 426;

/**
 * @param {URL} url with the token and the names of this page
 * @returns {Promise<import("../errors.js").HostUnreachableError>}
 */
export async function whyUnopened(url) {
  const http = new URL(url);
  http.protocol = url.protocol.replace("ws", "http");
  try {
    const answer = await ask(http, "cors");
    if (answer.status === UPGRADE_REQUIRED) return silent(url, "cannot be reached (it answers, but opens no WebSocket)");
    return refused(url, answer.status, await answer.text(), url.searchParams.has("authorization"));
  } catch {
    return await silence(url, http);
  }
}

/**
 * Nobody answers, or not to a page of another server: a host answers to all.
 * @param {URL} url
 * @param {URL} http
 */
async function silence(url, http) {
  if (globalThis.navigator?.onLine === false) return silent(url, "cannot be reached (this computer is offline)");
  try {
    await ask(http, "no-cors");
  } catch {
    return silent(url, "cannot be reached");
  }
  return noHost(url, "it lets no page of another server read its answers");
}

/**
 * @param {URL} http
 * @param {RequestMode} mode
 */
const ask = (http, mode) =>
  fetch(http, { mode, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });

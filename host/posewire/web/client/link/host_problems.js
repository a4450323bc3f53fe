/** What goes wrong between a page and its host, in the words and with the codes of the host and the Python client (docs/commands.md). */

import { HostUnreachableError, UnauthorizedError } from "../errors.js";

const NO_HOST = "not_a_host";
const TLS = "tls";
/** @type {Record<string, string>} */
const OTHER_SCHEME = { "ws:": "wss:", "wss:": "ws:", "http:": "https:", "https:": "http:" };
/** Answers of a server that stands before a host which is away. */
const FROM_BEFORE = [502, 503, 504];

/**
 * There is no answer; `what` continues after "the host at …".
 * @param {URL} url
 * @param {string} what
 */
export const silent = (url, what) => new HostUnreachableError(`the host at ${place(url)} ${what}`);

/**
 * Something answers, but it is no host; `what` it says instead.
 * @param {URL} url
 * @param {string} what
 */
export const noHost = (url, what) => new HostUnreachableError(`what answers at ${place(url)} is not a Posewire host (${what})`, NO_HOST);

/**
 * Whoever is at the address speaks TLS only.
 * @param {URL} url
 */
export const wantsTls = (url) => new HostUnreachableError(`${place(url)} speaks TLS: write ${otherPlace(url)}`, TLS);

/**
 * A page of https may not go there: browsers open only `wss` for it.
 * @param {URL} url
 */
export const pageWantsTls = (url) =>
  new HostUnreachableError(`a page of https may not connect to ${place(url)}: write ${otherPlace(url)}`, TLS);

/**
 * An answer in HTTP instead of what was asked for.
 * @param {URL} url
 * @param {number} status
 * @param {string} body
 * @param {boolean} withToken whether a token was shown
 */
export function refused(url, status, body, withToken) {
  const { code, message } = readRefusal(body);
  if (!code) return FROM_BEFORE.includes(status) ? silent(url, `is not there: a server before it answers ${status}`) : noHost(url, `it answers ${status}`);
  if (code === TLS) return wantsTls(url);
  if (status === 401 && withToken) return new UnauthorizedError(`the host at ${place(url)} refuses the token (${message})`);
  if (status === 401) return new UnauthorizedError(`the host at ${place(url)} wants a token`);
  const told = `the host at ${place(url)} refuses: ${message}`;
  return status === 403 ? new UnauthorizedError(told, code) : new HostUnreachableError(told, code);
}

/**
 * The part of an address that says where the host is, without a password.
 * @param {URL} url
 */
const place = (url) => `${url.protocol}//${url.host}`;

/** @param {URL} url */
const otherPlace = (url) => `${OTHER_SCHEME[url.protocol] ?? url.protocol}//${url.host}`;

/**
 * The code and the message of a host's refusal; no code: it is not one of a host.
 * @param {string} body
 * @returns {{code?: string, message?: string}}
 */
function readRefusal(body) {
  try {
    const { code, message } = JSON.parse(body);
    return code === undefined || message === undefined ? {} : { code: String(code), message: String(message) };
  } catch {
    return {};
  }
}

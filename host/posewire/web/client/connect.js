/** How a page gets a connection: the host's address, and a name of its own. */

import { HostConnection } from "./connection.js";
import { ConfigError } from "./errors.js";

const BASE = "/posewire/v1/";

/**
 * Connect to a host. Throws HostUnreachableError, UnauthorizedError where the host does not let this page in, ConfigError
 * for options that make no sense, and the signal's reason where it is aborted before.
 * @param {string | readonly string[]} [urls] the host that has served this page unless given; several stand in for each
 *   other
 * @param {import("./connection.js").ConnectOptions} [options]
 */
export async function connect(urls, options = {}) {
  const host = new HostConnection(urls ?? ownHost(), options);
  await host.open();
  return host;
}

/**
 * The address of the host that has served this client, or else the page; throws ConfigError where none has.
 * @returns {string}
 */
export function ownHost() {
  // Where the client comes from a host, maybe behind a path of another server, that host is meant.
  const served = new URL("../", import.meta.url);
  const page = globalThis.location?.origin;
  const base = /^https?:/.test(served.href) && served.pathname.endsWith(BASE) ? served.href : page?.startsWith("http") && page + BASE;
  if (!base) throw new ConfigError("no host has served this program: give connect the address of one, as ws://127.0.0.1:8000/posewire/v1/");
  return base.replace(/^http/, "ws");
}

/** Who looks at the page may do what; and links to a room, which let somebody in. */

import { RefusedError, ask } from "./api.js";
import { t } from "./text.js";

/** May somebody with these scopes do that? As the host decides it, for what has no name. @param {string[]} scopes @param {string} need */
export const allows = (scopes, need) =>
  scopes.some((scope) => new RegExp(`^${scope.split(":")[0].replace(/[.]/g, "\\.").replace(/[*]/g, ".*")}$`).test(need));

/** What a link to a room (`#link=…&room=…`) has brought. */
const linkInAddress = () => new URLSearchParams(location.hash.replace(/^#/, ""));

export const holdsLink = () => Boolean(linkInAddress().get("link"));

/**
 * Sign in with the token of a link to a room, and take it out of the address, so that it is in no history and no picture
 * of the screen. Who has signed in with more than a link stays who they are: the teacher who tries the link, too.
 * @returns {Promise<string>} why the link lets nobody in, for people; empty where there is none, or it does
 */
export async function followLink() {
  const link = linkInAddress();
  const token = link.get("link");
  if (!token) return "";
  history.replaceState(null, "", `#/rooms/${encodeURIComponent(link.get("room") ?? "")}`);
  const session = await ask("/api/session").catch(() => null);
  if (allows(session?.scopes ?? [], "room.join")) return "";
  try {
    await ask("/api/session", { body: { token } });
    return "";
  } catch (error) {
    if (!(error instanceof RefusedError)) return "";
    return error.code === "too_many"
      ? t("Too many wrong tokens: wait a minute, then try again.")
      : t("This link lets nobody in any more: ask for a new one.");
  }
}

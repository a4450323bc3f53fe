/** The page's address: which view is shown, and what of it (`#/rooms/studio`). */

import { useEffect, useState } from "/vendor/htm-preact.js";
import { holdsLink } from "./access.js";

/** A part of an address; one that somebody has cut off in the middle of a character stays as it is. @param {string} part */
function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** The view and its parts, as the address says. */
function readAddress() {
  const [path, ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decoded);
  return { path, rest };
}

export function useAddress() {
  const [address, setAddress] = useState(readAddress);
  useEffect(() => {
    // A link that is pasted where the page is open already is followed as in a new one.
    const changed = () => (holdsLink() ? location.reload() : setAddress(readAddress()));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return address;
}

/** JSON as a host takes it: strictly RFC 8259, and not deeper than 64 levels. */

import { WireError } from "../errors.js";

const DEEPEST = 64;
/** An escape that names half a character: JSON.stringify writes whole ones as they are. */
const HALF = /(^|[^\\])(\\\\)*\\ud[89a-f]/;

/**
 * Return a value as JSON; throws WireError where it is none, or a host would not take it.
 * @param {any} value
 * @returns {string}
 */
export function writeJson(value) {
  let text;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw new WireError(`a message must be JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (text === undefined) throw new WireError(`a message must be JSON, not ${typeof value}`);
  if (HALF.test(text)) throw new WireError("a message must be JSON: half a character (a lone surrogate) is none");
  if ((text.match(/[[{]/g)?.length ?? 0) > DEEPEST && isTooDeep(JSON.parse(text)))
    throw new WireError(`a message must have at most ${DEEPEST} arrays and objects within each other`);
  return text;
}

/** @param {any} value */
function isTooDeep(value) {
  let level = [value];
  for (let depth = 0; depth <= DEEPEST; depth++) {
    level = level.filter((inner) => typeof inner === "object" && inner !== null);
    if (!level.length) return false;
    level = level.flatMap((inner) => Object.values(inner));
  }
  return true;
}

/** Names that nobody else has. */

/**
 * @param {string} kind what the name begins with
 */
export const uniqueName = (kind) => `${kind}-${crypto.getRandomValues(new Uint32Array(1))[0].toString(16).padStart(8, "0")}`;

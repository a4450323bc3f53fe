/** Numbers as people read them. */

/** With as many decimals as its size makes worth reading. @param {number} value */
export const rounded = (value) => value.toLocaleString("en", { maximumFractionDigits: value < 1 ? 2 : value < 100 ? 1 : 0, useGrouping: false });

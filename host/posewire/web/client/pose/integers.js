/** Integer arithmetic that is the same on all platforms. */

export const wrap = (v) => (v << 16) >> 16;
export const clamp = (v, lo, hi) => (v < lo ? lo : v > hi ? hi : v);
export const unpackScale = (code) => clamp(((4 + (code & 3)) << (code >> 2)) >> 2, 2, 32767);
export const shiftScale = (v, by) => clamp(by > 0 ? v >> by : v << -by, 2, 32767);
export const shiftValue = (v, by) => (by > 0 ? (v + (1 << (by - 1))) >> by : clamp(v << -by, -32768, 32767));

export function root(n) {
  if (n <= 0) return 0;
  const r = Math.floor(Math.sqrt(n));
  return n - r * r > r ? r + 1 : r;
}

export const BUCKET = new Uint8Array(4096);
for (let m = 0; m < 4096; m++) {
  const n = 32 - Math.clz32(m);
  BUCKET[m] = n < 2 ? m : 2 * n + ((m >> (n - 2)) & 1) - 2;
}

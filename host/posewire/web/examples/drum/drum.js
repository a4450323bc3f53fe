/** A drum for each hand: it sounds when the hand comes down fast and passes the shoulders. */

import { drawBody, watchBodies } from "../studio.js";

const canvas = document.querySelector("canvas");
const HANDS = [
  { wrist: 15, hz: 90, color: "#ffbb55" },
  { wrist: 16, hz: 180, color: "#ff7a88" },
];
/** How fast a hand must come down, in heights of the picture a second. */
const FAST = 0.6;
/** @type {AudioContext | null} */
let sound = null;
/** @type {Map<number, {above: boolean, y: number, at: number}>} */
const before = new Map();

document.querySelector("button").onclick = (event) => {
  sound = new AudioContext();
  event.target.remove();
};

/** @param {number} hz @param {number} strength 0 to 1 */
function hit(hz, strength) {
  if (!sound) return;
  const now = sound.currentTime;
  const tone = new OscillatorNode(sound, { frequency: 2 * hz });
  const loudness = new GainNode(sound, { gain: strength });
  tone.frequency.exponentialRampToValueAtTime(hz, now + 0.08);
  loudness.gain.exponentialRampToValueAtTime(0.001, now + 0.4);
  tone.connect(loudness).connect(sound.destination);
  tone.start();
  tone.stop(now + 0.4);
}

globalThis.hits = 0;
watchBodies((landmarks) => {
  drawBody(canvas, landmarks);
  const line = ((landmarks[11]?.y ?? 0.4) + (landmarks[12]?.y ?? 0.4)) / 2;
  const at = performance.now();
  for (const { wrist, hz } of HANDS) {
    const y = landmarks[wrist]?.y;
    if (y === undefined) continue;
    const last = before.get(wrist);
    const above = y < line;
    const speed = last ? ((y - last.y) * 1000) / Math.max(1, at - last.at) : 0;
    if (last?.above && !above && speed > FAST) {
      hit(hz, Math.min(1, speed / 3));
      globalThis.hits++;
    }
    before.set(wrist, { above, y, at });
  }
});

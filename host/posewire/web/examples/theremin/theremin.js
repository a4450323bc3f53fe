/** Two hands play: one the height of the tone, the other how loud it is. */

import { drawBody, watchBodies } from "../studio.js";

const canvas = document.querySelector("canvas");
const LOWEST_HZ = 110;
const OCTAVES = 3;
/** @type {{tone: OscillatorNode, loudness: GainNode, clock: AudioContext} | null} */
let instrument = null;

document.querySelector("button").onclick = (event) => {
  const clock = new AudioContext();
  const tone = new OscillatorNode(clock, { type: "triangle", frequency: LOWEST_HZ });
  const loudness = new GainNode(clock, { gain: 0 });
  tone.connect(loudness).connect(clock.destination);
  tone.start();
  instrument = { tone, loudness, clock };
  event.target.remove();
};

/** How high a hand is: 0 at the hips, 1 an arm's length above the shoulders. */
function height(landmarks, wrist) {
  const [hand, shoulder, hip] = [landmarks[wrist], landmarks[11], landmarks[23]];
  if (!hand || !shoulder || !hip) return null;
  return Math.min(1, Math.max(0, (hip.y - hand.y) / (1.8 * (hip.y - shoulder.y))));
}

watchBodies((landmarks) => {
  const pitch = height(landmarks, 16);
  const volume = height(landmarks, 15);
  const hz = LOWEST_HZ * 2 ** (OCTAVES * (pitch ?? 0));
  const paint = drawBody(canvas, landmarks, `hsl(${300 * (pitch ?? 0)} 70% 60%)`);
  paint.font = "1.2rem system-ui";
  paint.fillText(`${Math.round(hz)} Hz`, 16, 32);
  if (!instrument) return;
  const now = instrument.clock.currentTime;
  instrument.tone.frequency.setTargetAtTime(hz, now, 0.03);
  instrument.loudness.gain.setTargetAtTime(pitch === null ? 0 : 0.5 * (volume ?? 0), now, 0.03);
});

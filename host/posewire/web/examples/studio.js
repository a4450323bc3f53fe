/** What the examples have in common: the room that the address names (?room=demo), and somebody drawn as in a mirror. */

import { connect } from "/posewire/v1/client/posewire.js";

const BONES = [
  [11, 12],
  [11, 23],
  [12, 24],
  [23, 24],
  [11, 13],
  [13, 15],
  [12, 14],
  [14, 16],
  [23, 25],
  [25, 27],
  [24, 26],
  [26, 28],
  [9, 10],
];

export const roomName = new URLSearchParams(location.search).get("room") ?? "demo";

/**
 * Call a function with each pose of a body in the room: its 33 landmarks as {x, y}, x mirrored, null where missing.
 * The status line says how it is.
 * @param {(landmarks: ({x: number, y: number} | null)[]) => void} seen
 */
export async function watchBodies(seen) {
  const status = document.querySelector("[role=status]");
  status.textContent = `waiting for somebody in the room “${roomName}”`;
  try {
    const host = await connect();
    host.on("changed", (_, state) => (status.textContent = state));
    const room = await host.join(roomName);
    for await (const { device, values } of room.poses()) {
      const flat = values.body33;
      if (!flat) continue;
      status.textContent = device;
      seen(Array.from({ length: 33 }, (_, i) => (Number.isNaN(flat[4 * i]) ? null : { x: 1 - flat[4 * i], y: flat[4 * i + 1] })));
    }
    status.textContent = room.closed;
  } catch (error) {
    status.textContent = error.message; // in words for people: there is no host, or it does not let this page in
  }
}

/**
 * Draw somebody on a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {({x: number, y: number} | null)[]} landmarks
 * @param {string} color
 * @returns {CanvasRenderingContext2D} to draw more, in pixels
 */
export function drawBody(canvas, landmarks, color = "#5cc8c2") {
  const paint = canvas.getContext("2d");
  const side = Math.min(canvas.clientWidth, canvas.clientHeight);
  Object.assign(canvas, { width: canvas.clientWidth, height: canvas.clientHeight });
  const at = ({ x, y }) => [(canvas.width - side) / 2 + x * side, (canvas.height - side) / 2 + y * side];
  Object.assign(paint, { strokeStyle: color, fillStyle: "#ffffff", lineWidth: side / 60, lineCap: "round" });
  for (const [a, b] of BONES) {
    if (!landmarks[a] || !landmarks[b]) continue;
    paint.beginPath();
    paint.moveTo(...at(landmarks[a]));
    paint.lineTo(...at(landmarks[b]));
    paint.stroke();
  }
  for (const landmark of landmarks) {
    if (!landmark) continue;
    paint.beginPath();
    paint.arc(...at(landmark), side / 120, 0, 2 * Math.PI);
    paint.fill();
  }
  return paint;
}

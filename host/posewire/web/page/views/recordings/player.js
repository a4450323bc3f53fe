/** A recording, gone through on a time line. */

import { monotonicMs } from "/posewire/v1/client/posewire.js";
import { html, useEffect, useRef, useState } from "/vendor/htm-preact.js";
import { typed } from "../../parts.js";
import { Scene } from "../../scene/scene.js";
import { t } from "../../text.js";

/** How much of the past is drawn at a moment: trails, and the newest pose of each stream. */
const BEFORE_MS = 1500;
const STEP_MS = 40;

/** @param {{recording: import("./recordings.js").Opened, onClose: () => void}} props */
export function Player({ recording, onClose }) {
  const { poses, durationMs, room } = recording;
  const canvas = useRef(null);
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  const scene = useRef(/** @type {Scene | null} */ (null));
  const [at, setAt] = useState(Math.ceil(poses[0].arrivedMs));
  const [speed, setSpeed] = useState(0);
  useEffect(() => {
    scene.current = new Scene(canvas.current);
    scene.current.options.still = true;
    /** @type {Page.Shown} */ (globalThis).player = scene.current;
    // It may have been chosen far below.
    heading.current?.focus();
    return () => scene.current.close();
  }, []);
  useEffect(() => {
    const now = monotonicMs();
    scene.current.clear();
    for (const pose of poses) {
      if (pose.arrivedMs > at) break;
      if (pose.arrivedMs >= at - BEFORE_MS) scene.current.update({ ...pose, arrivedMs: now });
    }
  }, [at]);
  useEffect(() => {
    if (!speed) return undefined;
    let last = performance.now();
    const timer = setInterval(() => {
      const now = performance.now();
      setAt((before) => {
        const next = before + (now - last) * speed;
        last = now;
        if (next < durationMs) return next;
        setSpeed(0);
        return durationMs;
      });
    }, STEP_MS);
    return () => clearInterval(timer);
  }, [speed]);
  const play = () => {
    if (!speed && at >= durationMs) setAt(0);
    setSpeed(speed ? 0 : 1);
  };
  return html`<div class="row"><h3 class="grow" tabindex="-1" ref=${heading}>${recording.name}</h3><button onClick=${onClose}>${t("Close")}</button></div>
    <p class="faint">${t("room")} ${room}, ${Math.round(durationMs / 1000)} s, ${poses.length} ${t("poses")}</p>
    <div class="stage"><canvas ref=${canvas} tabindex="0" role="img" aria-label=${t("The poses in space. Arrow keys turn the view, plus and minus come closer and go away, 0 is the beginning.")}></canvas></div>
    <div class="row">
      <button onClick=${play}>${speed ? t("Pause") : t("Play")}</button>
      <label class="grow row">${t("Time")} <input class="grow" type="range" min="0" max=${Math.ceil(durationMs)} step="10" value=${at} onInput=${typed((value) => setAt(Number(value)))} /></label>
      <output>${(at / 1000).toFixed(1)} s</output>
    </div>`;
}

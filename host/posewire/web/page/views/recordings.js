/** Recordings: made from a room into a file of the person's, and looked at again on a time line. */

import { Recorder, monotonicMs, readRecording } from "/posewire/v1/client/posewire.js";
import { html, useEffect, useRef, useState } from "/vendor/htm-preact.js";
import { useOutcome } from "../api.js";
import { Outcome, Ticking } from "../parts.js";
import { Scene } from "../scene/scene.js";
import { t } from "../text.js";

/** How much of the past is drawn at a moment: trails, and the newest pose of each stream. */
const BEFORE_MS = 1500;

/** A button that records the room, and gives the person the file. */
export function Record({ room }) {
  const [recorder, setRecorder] = useState(/** @type {Recorder | null} */ (null));
  const flip = () => {
    if (!recorder) return setRecorder(new Recorder(room));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(recorder.stop());
    link.download = `${recorder.room.name}-${new Date().toISOString().slice(0, 19).replace(/:/g, "")}.pwrec`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    return setRecorder(null);
  };
  return html`<button onClick=${flip} disabled=${!room && !recorder} aria-pressed=${Boolean(recorder)}>${recorder ? t("Stop and save") : t("Record")}
    ${recorder && html` <span class="bad">● <${Ticking} everyMs=${500} text=${() => `${Math.round(recorder.seconds)} s, ${Math.round(recorder.bytes / 1024)} KB`} /></span>`}</button>`;
}

/** Open a recording, and go through it. */
export function Recordings() {
  const [recording, setRecording] = useState(/** @type {any} */ (null));
  const [outcome, run] = useOutcome();
  const open = (event) =>
    run(async () => {
      const [file] = event.target.files;
      if (!file) return;
      const found = readRecording(new Uint8Array(await file.arrayBuffer()));
      if (!found.poses.length) throw new Error(t("There are no poses in this recording."));
      setRecording({ ...found, name: file.name });
    });
  return html`<section class="card" aria-label=${t("Recordings")}>
    <div class="row"><h2 class="grow">${t("Recordings")}</h2>
      <label>${t("Open a recording")} <input type="file" accept=".pwrec" onChange=${open} /></label></div>
    <${Outcome} outcome=${outcome} />
    ${recording && html`<${Player} key=${recording.name} recording=${recording} />`}
  </section>`;
}

function Player({ recording }) {
  const { poses, durationMs, room } = recording;
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const scene = useRef(/** @type {Scene | null} */ (null));
  const [at, setAt] = useState(0);
  const [speed, setSpeed] = useState(0);
  useEffect(() => {
    scene.current = new Scene(canvas.current);
    globalThis.player = scene.current; // for tests and the console
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
    }, 40);
    return () => clearInterval(timer);
  }, [speed]);
  const play = () => {
    if (!speed && at >= durationMs) setAt(0);
    setSpeed(speed ? 0 : 1);
  };
  return html`<p class="faint">${recording.name}: ${t("room")} ${room}, ${Math.round(durationMs / 1000)} s, ${poses.length} ${t("poses")}</p>
    <div class="stage"><canvas ref=${canvas} tabindex="0" role="img" aria-label=${t("The poses in space. Arrow keys turn the view, plus and minus come closer and go away, 0 is the beginning.")}></canvas></div>
    <div class="row">
      <button onClick=${play}>${speed ? t("Pause") : t("Play")}</button>
      <label class="grow">${t("Time")} <input type="range" min="0" max=${Math.ceil(durationMs)} step="10" value=${at} style=${{ width: "100%" }} onInput=${(event) => setAt(Number(event.target.value))} /></label>
      <output>${(at / 1000).toFixed(1)} s</output>
    </div>`;
}

/** Recordings: made from a room into a file of the person's or on the host, looked at on a time line, played again. */

import { Recorder, monotonicMs, readRecording } from "/posewire/v1/client/posewire.js";
import { html, useEffect, useRef, useState } from "/vendor/htm-preact.js";
import { ask, askBytes, useOutcome, usePolled } from "../api.js";
import { Field, Outcome, Ticking, duration, kilobytes } from "../parts.js";
import { Scene } from "../scene/scene.js";
import { dayAndTime, t } from "../text.js";

/** How much of the past is drawn at a moment: trails, and the newest pose of each stream. */
const BEFORE_MS = 1500;
const POLL_MS = 2000;

/** A button that records the room, and gives the person the file. */
export function Record({ room }) {
  const [recorder, setRecorder] = useState(/** @type {Recorder | null} */ (null));
  const flip = () => {
    if (!recorder) return setRecorder(new Recorder(room));
    saveFile(recorder.stop(), `${recorder.room.name}-${new Date().toISOString().slice(0, 19).replace(/:/g, "")}.pwrec`);
    return setRecorder(null);
  };
  return html`<button onClick=${flip} disabled=${!room && !recorder} aria-pressed=${Boolean(recorder)}>${recorder ? t("Stop and save") : t("Record")}
    ${recorder && html` <span class="bad">● <${Ticking} everyMs=${500} text=${() => `${Math.round(recorder.seconds)} s, ${kilobytes(recorder.bytes)}`} /></span>`}</button>`;
}

/** A button that has the host record the room, beside all that the person does. @param {{name: string}} props */
export function HostRecord({ name }) {
  const { value, refresh } = usePolled("/api/recordings", POLL_MS);
  const [outcome, run] = useOutcome();
  const running = value?.recordings.find((each) => each.running && each.room === name);
  const start = () => run(async () => (await ask("/api/recordings", { body: { room: name } }), await refresh(), ""));
  const stop = () => run(async () => (await ask(`/api/recordings/${running.number}/stop`, { method: "POST" }), await refresh(), ""));
  if (!value?.available) return null;
  return html`<button onClick=${running ? stop : start} aria-pressed=${Boolean(running)}>${running ? t("End the host's recording") : t("Record on the host")}
    ${running && html` <span class="bad">● ${kilobytes(running.bytes)}</span>`}</button><${Outcome} outcome=${outcome} />`;
}

/** The host's recordings, and a file of the person's: opened, and gone through. */
export function Recordings({ may }) {
  const [recording, setRecording] = useState(/** @type {any} */ (null));
  const [outcome, run] = useOutcome();
  const open = (name, bytes) => {
    const found = readRecording(bytes);
    if (!found.poses.length) throw new Error(t("There are no poses in this recording."));
    setRecording({ ...found, name });
  };
  const openFile = (event) =>
    run(async () => {
      const [file] = event.target.files;
      if (file) open(file.name, new Uint8Array(await file.arrayBuffer()));
    });
  return html`<section class="card" aria-label=${t("Recordings")}>
    <div class="row"><h2 class="grow">${t("Recordings")}</h2>
      <label class="row">${t("Open a recording")} <input type="file" accept=".pwrec" onChange=${openFile} /></label></div>
    ${may("operator.act") && html`<${OnHost} open=${open} run=${run} />`}
    <${Outcome} outcome=${outcome} />
    ${recording && html`<${Player} key=${recording.name} recording=${recording} />`}
  </section>`;
}

function OnHost({ open, run }) {
  const { value, refresh } = usePolled("/api/recordings", POLL_MS);
  if (!value?.recordings.length && !value?.failed) return null;
  const path = (each) => `/api/recordings/${each.number}`;
  const look = (each) =>
    run(async () => open(each.file, await askBytes(`${path(each)}/file`)));
  const remove = (each) =>
    confirm(t("Delete {name}?", { name: each.file })) &&
    run(async () => (await ask(path(each), { method: "DELETE" }), await refresh(), ""));
  const save = (each, format) =>
    run(async () => {
      const bytes = await askBytes(`${path(each)}/file${format ? `?format=${format}` : ""}`);
      saveFile(new Blob([bytes]), each.file.replace(/pwrec$/, format || "pwrec"));
    }, t("Making the file…"));
  const play = (event, each) => {
    event.preventDefault();
    const { room, speed } = Object.fromEntries(new FormData(event.target));
    run(async () => {
      await ask(`${path(each)}/play`, { body: { room, speed: Number(speed) } });
      await refresh();
      location.hash = `#/rooms/${encodeURIComponent(String(room))}`;
      return "";
    });
  };
  const end = (player) => run(async () => (await ask(`/api/players/${player.number}`, { method: "DELETE" }), await refresh(), ""));
  return html`${value.failed && html`<p class="note bad">${value.failed}</p>`}
    ${value.players.map((player) => html`<p class="row" key=${player.number}><span class="grow">${t("{file} is played into {room}.", player)}</span><button onClick=${() => end(player)}>${t("End")}</button></p>`)}
    ${value.recordings.map(
      (each) => html`<details class="item" key=${each.number}><summary>${dayAndTime(each.began)} · ${each.room} · ${each.running ? html`<span class="bad">${t("under way…")}</span>` : duration(1000 * (each.seconds ?? 0))} <span class="faint">${each.members.join(", ")}</span></summary>
        <p class="faint">${each.file}, ${kilobytes(each.bytes)}, ${each.pose} ${t("poses")}</p>
        <div class="row">
          <button onClick=${() => look(each)}>${t("Look at it")}</button>
          <button onClick=${() => save(each, "")}>${t("Save")}</button>
          ${value.formats.map((format) => html`<button onClick=${() => save(each, format)} aria-label=${t("Save as {format}", { format })}>.${format}</button>`)}
          ${!each.running && html`<button onClick=${() => remove(each)}>${t("Delete")}</button>`}
        </div>
        ${value.exports
          .filter(({ file }) => file === each.file)
          .map(({ format, percent }) => html`<p>.${format}: ${percent} %</p><progress class="meter" max="100" value=${percent} aria-label=${t("Save as {format}", { format })} />`)}
        <form class="row" aria-label=${t("Play into a room")} onSubmit=${(event) => play(event, each)}>
          <${Field} label=${t("Room")}><input name="room" required maxlength="64" defaultValue=${each.room} /><//>
          <${Field} label=${t("Speed")}><select name="speed">${["0.5", "1", "2", "4"].map((speed) => html`<option value=${speed} selected=${speed === "1"}>${speed} ×</option>`)}</select><//>
          <button>${t("Play into a room")}</button>
        </form></details>`,
    )}`;
}

/** Give the person a file. @param {Blob} blob @param {string} name */
function saveFile(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

function Player({ recording }) {
  const { poses, durationMs, room } = recording;
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const scene = useRef(/** @type {Scene | null} */ (null));
  const [at, setAt] = useState(Math.ceil(poses[0].arrivedMs));
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
      <label class="grow row">${t("Time")} <input class="grow" type="range" min="0" max=${Math.ceil(durationMs)} step="10" value=${at} onInput=${(event) => setAt(Number(event.target.value))} /></label>
      <output>${(at / 1000).toFixed(1)} s</output>
    </div>`;
}

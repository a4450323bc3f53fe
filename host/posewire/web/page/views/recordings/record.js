/** Buttons that record a room: into a file of the person's, or on the host. */

import { Recorder } from "/posewire/v1/client/posewire.js";
import { html, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../../api.js";
import { Outcome, Ticking, kilobytes } from "../../parts.js";
import { t } from "../../text.js";
import { saveFile } from "./save_file.js";

const RECORDINGS_MS = 4000;

/** A button that records the room, and gives the person the file. @param {{room: any}} props */
export function Record({ room }) {
  const [recorder, setRecorder] = useState(/** @type {Recorder | null} */ (null));
  const flip = () => {
    if (!recorder) return setRecorder(new Recorder(room));
    saveFile(recorder.stop(), `${recorder.room.name}-${new Date().toISOString().slice(0, 19).replace(/:/g, "")}.pwrec`);
    return setRecorder(null);
  };
  return html`<button onClick=${flip} disabled=${!room && !recorder} aria-pressed=${Boolean(recorder)}>${recorder ? t("Stop and save") : t("Record to a file")}
    ${recorder && html` <span class="bad">● <${Ticking} everyMs=${500} text=${() => `${Math.round(recorder.seconds)} s, ${kilobytes(recorder.bytes)}`} /></span>`}</button>`;
}

/** A button that has the host record the room, beside all that the person does. @param {{name: string}} props */
export function HostRecord({ name }) {
  const { value, refresh } = usePolled("/api/recordings", RECORDINGS_MS);
  const [outcome, run] = useOutcome();
  /** @type {Host.Recordings | null} */
  const found = value;
  const running = found?.recordings.find((each) => each.running && each.room === name);
  const start = () => run(async () => (await ask("/api/recordings", { body: { room: name } }), refresh()));
  const stop = () => run(async () => (await ask(`/api/recordings/${running?.number}/stop`, { method: "POST" }), refresh()));
  if (!found?.available) return null;
  return html`<button onClick=${running ? stop : start} aria-pressed=${Boolean(running)}>${running ? t("End the host's recording") : t("Record on the host")}
    ${running && html` <span class="bad">● ${kilobytes(running.bytes)}</span>`}</button><${Outcome} outcome=${outcome} />`;
}

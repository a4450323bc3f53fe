/** The recordings on the host: looked at, saved, exported, played into a room, deleted. */

import { html } from "/vendor/htm-preact.js";
import { ask, askBytes, usePolled } from "../../api.js";
import { Field, Form, duration, kilobytes } from "../../parts.js";
import { dayAndTime, t } from "../../text.js";
import { saveFile } from "./save_file.js";

const RECORDINGS_MS = 4000;
const SPEEDS = ["0.5", "1", "2", "4"];

/** @param {{open: (name: string, bytes: Uint8Array) => void, run: Page.Run}} props `open`: shows a recording */
export function OnHost({ open, run }) {
  const { value, refresh } = usePolled("/api/recordings", RECORDINGS_MS);
  /** @type {Host.Recordings | null} */
  const found = value;
  if (!found?.recordings.length && !found?.failed) return null;
  const end = (/** @type {number} */ player) => run(async () => (await ask(`/api/players/${player}`, { method: "DELETE" }), refresh()));
  return html`${found.failed && html`<p class="note bad">${found.failed}</p>`}
    ${found.players.map((player) => html`<p class="row" key=${player.number}><span class="grow">${t("{file} is played into {room}.", player)}</span><button onClick=${() => end(player.number)}>${t("End")}</button></p>`)}
    ${found.recordings.map((recording) => html`<${Recording} key=${recording.number} recording=${recording} formats=${found.formats} exports=${found.exports} open=${open} run=${run} refresh=${refresh} />`)}`;
}

/**
 * @param {{recording: Host.Recording, formats: string[], exports: Host.Recordings["exports"],
 *   open: (name: string, bytes: Uint8Array) => void, run: Page.Run, refresh: () => Promise<void>}} props
 */
function Recording({ recording, formats, exports, open, run, refresh }) {
  const { file, began, seconds, members, running } = recording;
  const path = `/api/recordings/${recording.number}`;
  const look = () => run(async () => open(file, await askBytes(`${path}/file`)));
  const remove = () =>
    confirm(t("Delete {name}?", { name: file })) && run(async () => (await ask(path, { method: "DELETE" }), refresh()));
  const save = (/** @type {string} */ format) =>
    run(async () => {
      const bytes = await askBytes(`${path}/file${format && `?format=${format}`}`);
      saveFile(new Blob([bytes]), file.replace(/pwrec$/, format || "pwrec"));
    }, t("Making the file…"));
  const play = (/** @type {Page.Values} */ { room, speed }) =>
    run(async () => {
      await ask(`${path}/play`, { body: { room, speed: Number(speed) } });
      await refresh();
      location.hash = `#/rooms/${encodeURIComponent(room)}`;
    });
  const lasted = running ? html`<span class="bad">${t("under way…")}</span>` : duration(1000 * (seconds ?? 0));
  return html`<details class="item"><summary>${dayAndTime(began)} · ${recording.room} · ${lasted} <span class="faint">${members.join(", ")}</span></summary>
    <p class="faint">${file}, ${kilobytes(recording.bytes)}, ${recording.pose} ${t("poses")}</p>
    <div class="row">
      <button onClick=${look}>${t("Look at it")}</button>
      <button onClick=${() => save("")}>${t("Save")}</button>
      ${formats.map((format) => html`<button onClick=${() => save(format)} aria-label=${t("Save as {format}", { format })}>.${format}</button>`)}
      ${!running && html`<button onClick=${remove}>${t("Delete")}</button>`}
    </div>
    ${exports
      .filter((each) => each.file === file)
      .map(({ format, percent }) => html`<p>.${format}: ${percent} %</p><progress class="meter" max="100" value=${percent} aria-label=${t("Save as {format}", { format })} />`)}
    <${Form} label=${t("Play into a room")} button=${t("Play into a room")} onSubmit=${play}>
      <${Field} label=${t("Room")}><input name="room" required maxlength="64" defaultValue=${recording.room} /><//>
      <${Field} label=${t("Speed")}><select name="speed">${SPEEDS.map((speed) => html`<option value=${speed} selected=${speed === "1"}>${speed} ×</option>`)}</select><//>
    <//></details>`;
}

/** MicroPython on a new board: the host's image, or a file of the person's. */

import { html, useState } from "/vendor/htm-preact.js";
import { askBytes } from "../../api.js";
import { Check, Field, Form, typed } from "../../parts.js";
import { checkImage, flash } from "../../serial/flash.js";
import { t } from "../../text.js";

const SLOW_BAUD = 115_200;

/** @param {import("./by_serial_port.js").StepProps & {images: string[]}} props */
export function FlashStep({ board, begin, onProgress, busy, images }) {
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const [image, setImage] = useState("");
  // The form is for a board that was chosen.
  const kind = /** @type {Host.BoardKind} */ (board);
  const read = async () => {
    const bytes = image
      ? await askBytes(`/api/boards/images/${encodeURIComponent(image)}`)
      : new Uint8Array(await /** @type {File} */ (file).arrayBuffer());
    checkImage(bytes, kind);
    return bytes;
  };
  const write = (/** @type {Page.Values} */ { slow }) =>
    begin(
      t("MicroPython"),
      async (port, bytes) => {
        const chip = await flash(port, bytes, kind, { baud: slow ? SLOW_BAUD : undefined, onProgress });
        return t("MicroPython is on it: {chip}.", { chip });
      },
      read,
    );
  const ready = board && (image || file);
  return html`<p class="faint">${t("Erases all that is on the board.")} ${board ? html`${t("It takes")} <a href=${board.image_url} rel="noreferrer" target="_blank">${board.image}</a>.` : t("Choose the kind of the board first.")}</p>
    <${Form} label="MicroPython" button=${t("Erase it, and write MicroPython")} disabled=${busy || !ready} onSubmit=${write}>
      ${images.length > 0 && html`<${Field} label=${t("Image")}><select onChange=${typed(setImage)}><option value="">${t("a file of yours")}</option>${images.map((name) => html`<option value=${name}>${name}</option>`)}</select><//>`}
      ${!image && html`<${Field} label=${t("Image file (.bin)")}><input type="file" accept=".bin" onChange=${(/** @type {any} */ event) => setFile(event.target.files[0] ?? null)} /><//>`}
      <${Check} label=${t("slowly")} name="slow" />
    <//>`;
}

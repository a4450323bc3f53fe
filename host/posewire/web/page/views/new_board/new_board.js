/** From a board in its box to a board in the list: over this computer's USB port, or by commands to copy. */

import { html, useState } from "/vendor/htm-preact.js";
import { usePolled } from "../../api.js";
import { Command, Field, Trouble, typed } from "../../parts.js";
import { serial } from "../../serial/line.js";
import { t } from "../../text.js";
import { Pair, useWaiting } from "../devices/pairing.js";
import { ByCommands } from "./by_commands.js";
import { BySerialPort } from "./by_serial_port.js";
import { LOCAL } from "./host_address.js";

/** @param {Page.ViewProps} props */
export function NewBoard({ session, may, can }) {
  const { value, error } = usePolled("/api/boards", 60_000);
  /** @type {Host.Boards | null} */
  const boards = value;
  /** @type {Host.Device[]} */
  const devices = usePolled("/api/devices", 2000).value?.devices ?? [];
  const [kind, setKind] = useState("");
  const there = devices.filter(({ session: live }) => live?.board);
  const names = there.map(({ name, device }) => name || device).join(", ");
  const board = boards?.boards.find(({ name }) => name === kind);
  const waiting = useWaiting(may("operator.pair") && can("pair"));
  const byPort = Boolean(serial) && may("operator.update");
  return html`<section class="card">
    <h1>${t("New board")}</h1>
    ${LOCAL && !session.authentication && html`<${OnThisComputerOnly} start=${session.command.start} />`}
    <${Trouble} error=${error} />
    ${boards && html`<${Field} label=${t("The kind of the board")}><select class="kind" onChange=${typed(setKind)}>
      <option value="">${t("choose…")}</option>
      ${boards.boards.map(({ name, title }) => html`<option value=${name}>${title}</option>`)}</select><//>`}
    ${byPort && boards ? html`<${BySerialPort} boards=${boards} board=${board} session=${session} can=${can} />` : html`<p class="faint">${noSerial(may)}</p>`}
    <details open=${!byPort}><summary>${t("The same by commands")}</summary><${ByCommands} board=${board} session=${session} can=${can} /></details>
    <h2>${t("It appears here, or shows a code to pair it with.")}</h2>
    <p role="status">${there.length ? t("There now: {names}", { names }) : t("No board is there yet.")} <a href="#/devices">${t("Devices")}</a></p>
  </section>
  ${waiting.some && html`<${Pair} waiting=${waiting} />`}`;
}

/** What to do first where no board can reach the host. @param {{start: string}} props */
const OnThisComputerOnly = ({ start }) => html`<div class="note warn stack">
  <p>${t("This host listens on this computer only: a board cannot reach it. End it, and start one for your network:")}</p>
  <${Command} text=${`${start} init ~/posewire --network`} />
  <${Command} text=${`${start} serve --config ~/posewire/posewire.toml`} />
</div>`;

/** @param {(need: string) => boolean} may */
function noSerial(may) {
  if (!may("operator.update")) return t("Your token does not allow this.");
  if (!isSecureContext) return t("Browsers give their USB ports only to pages of https, or of this computer.");
  return t("This browser gives no page a USB port (Chrome, Edge and Opera do): these are the commands.");
}

/** A new board by commands, which the person copies. */

import { html } from "/vendor/htm-preact.js";
import { Command } from "../../parts.js";
import { t } from "../../text.js";
import { HOST_URL, LOCAL } from "./host_address.js";

/** @param {{board: Host.BoardKind | undefined, session: Host.Session, can: Page.ViewProps["can"]}} props */
export function ByCommands({ board, session, can }) {
  const name = board?.name ?? "BOARD";
  // The board may be at another computer than the host, where the page is looked at.
  const start = LOCAL ? session.command.start : "posewire";
  // Where the host pairs boards, they show a code; else they bring a token.
  const token = session.authentication && !can("pair") ? " --token-file TOKEN-FILE" : "";
  return html`<p>${t("Connect the board by USB to a computer that has Posewire. Each step is one command.")}</p>
    <ol>
      <li>${board ? t("Put MicroPython and the firmware on it.") : t("Put MicroPython and the firmware on it. BOARD is its kind: boards/ in the project has a folder for each.")}
        <${Command} text=${`${start} flash --board ${name}`} /><${Command} text=${`${start} deploy --board ${name}`} /></li>
      <li>${t("Tell it your Wi-Fi, for which it asks, and this host.")}
        <${Command} text=${`${start} provision --url ${HOST_URL}${token}`} /></li>
    </ol>`;
}

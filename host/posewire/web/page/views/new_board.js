/** From a board in its box to a board in the list: the steps, as commands to copy. */

import { html } from "/vendor/htm-preact.js";
import { usePolled } from "../api.js";
import { Command } from "../parts.js";
import { t } from "../text.js";

export function NewBoard({ session }) {
  const { value } = usePolled("/api/devices", 2000);
  const there = (value?.devices ?? []).filter(({ session: live }) => live?.board);
  const local = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
  const url = `${location.protocol === "https:" ? "wss" : "ws"}://${local ? `${t("THIS-COMPUTERS-ADDRESS")}:${location.port || 80}` : location.host}/posewire/v1/`;
  return html`<section class="card">
    <h1>${t("New board")}</h1>
    <p>${t("Connect the board by USB to a computer that has Posewire. Each step is one command.")}</p>
    <ol>
      <li>${t("Put MicroPython and the firmware on it. BOARD is its kind: boards/ in the project has a folder for each.")}
        <${Command} text="posewire flash --board BOARD" /><${Command} text="posewire deploy --board BOARD" /></li>
      <li>${t("Tell it your Wi-Fi and this host.")}
        ${local && !session.authentication ? html`<p class="note warn">${t("This host listens on this computer only: a board cannot reach it. Start it with a token and on the network first:")}</p><${Command} text="POSEWIRE_TOKEN=16-CHARACTERS-OR-MORE posewire serve --host 0.0.0.0" />` : null}
        <${Command} text=${`posewire provision --ssid YOUR-WIFI --url ${url}${local || session.authentication ? " --token-file TOKEN-FILE" : ""}`} /></li>
      <li>${t("It appears here, or shows a code to pair it with.")}
        <p role="status">${there.length ? t("There now: {names}", { names: there.map(({ name, device }) => name || device).join(", ") }) : t("No board is there yet.")} <a href="#/devices">${t("Devices")}</a></p></li>
    </ol>
  </section>`;
}

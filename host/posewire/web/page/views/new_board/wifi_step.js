/** A new board's Wi-Fi and host, by Improv. */

import { html, useState } from "/vendor/htm-preact.js";
import { Field, Form, typed } from "../../parts.js";
import { Improv } from "../../serial/improv.js";
import { Line } from "../../serial/line.js";
import { t } from "../../text.js";
import { ANNOUNCED, HOST_URL, LOCAL } from "./host_address.js";

/** @param {import("./by_serial_port.js").StepProps & {session: Host.Session}} props */
export function WifiStep({ begin, onProgress, busy, session }) {
  const [networks, setNetworks] = useState(/** @type {{ssid: string, rssi: number}[]} */ ([]));
  const [ssid, setSsid] = useState("");
  const scan = () =>
    begin(t("Look for networks"), (port) =>
      withBoard(port, onProgress, async (board) => {
        onProgress(t("it looks for networks"), 0, 0);
        const found = await board.scan();
        setNetworks(found);
        setSsid(ssid || (found[0]?.ssid ?? ""));
        return found.length ? "" : t("The board hears no network: it needs one on 2.4 GHz that is near enough.");
      }),
    );
  const join = (/** @type {Page.Values} */ { password, url, token }) =>
    begin(t("Join"), (port) =>
      withBoard(port, onProgress, async (board) => {
        const { name } = await board.info();
        if (url || token) await board.setHost(url.trim(), (token ?? "").trim());
        onProgress(t("it joins {network}", { network: ssid }), 0, 0);
        await board.setWifi(ssid, password);
        return t("{name} is on {network}. It goes to its host now.", { name, network: ssid });
      }),
    );
  return html`<p class="row"><button disabled=${busy} onClick=${scan}>${t("Look for networks")}</button></p>
    <${Form} label=${t("Wi-Fi and host")} button=${t("Join")} disabled=${busy} onSubmit=${join}>
      <${Field} label=${t("Network")}><input required maxlength="32" list="networks" value=${ssid} onInput=${typed(setSsid)} /><//>
      <datalist id="networks">${networks.map(({ ssid: name, rssi }) => html`<option value=${name}>${rssi} dBm</option>`)}</datalist>
      <${Field} label=${t("Password")}><input name="password" type="password" maxlength="64" autocomplete="off" /><//>
      <${Field} label=${t("Host")} grow><input name="url" type="url" pattern="wss?://.+" defaultValue=${LOCAL ? "" : HOST_URL} placeholder=${ANNOUNCED} /><//>
      ${session.authentication && html`<${Field} label=${t("Token (none: it shows a code)")}><input name="token" type="password" autocomplete="off" /><//>`}
    <//>`;
}

/**
 * Talk with the firmware that runs on the board at a port.
 * @param {import("../../serial/line.js").Port} port
 * @param {import("./by_serial_port.js").StepProps["onProgress"]} onProgress
 * @param {(board: Improv) => Promise<string>} work
 */
async function withBoard(port, onProgress, work) {
  const line = await Line.open(port);
  try {
    const board = new Improv(line);
    onProgress(t("waiting for the firmware"), 0, 0);
    await board.connect();
    return await work(board);
  } finally {
    await line.close();
  }
}

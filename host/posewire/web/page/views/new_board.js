/** From a board in its box to a board in the list: over this computer's USB port, or by commands to copy. */

import { html, useState } from "/vendor/htm-preact.js";
import { useOutcome, usePolled } from "../api.js";
import { Command, Form, Outcome, Trouble } from "../parts.js";
import { deploy } from "../serial/deploy.js";
import { flash } from "../serial/flash.js";
import { Improv } from "../serial/improv.js";
import { Line, serial } from "../serial/line.js";
import { t } from "../text.js";

/** @typedef {import("../serial/line.js").Port} Port */

const LOCAL = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);
const HOST_URL = `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/posewire/v1/`;

/** @param {{session: any, may: (need: string) => boolean}} props */
export function NewBoard({ session, may }) {
  const devices = usePolled("/api/devices", 2000).value?.devices ?? [];
  const there = devices.filter(({ session: live }) => live?.board);
  const names = there.map(({ name, device }) => name || device).join(", ");
  const loopback = LOCAL && !session.authentication;
  return html`<section class="card">
    <h1>${t("New board")}</h1>
    ${loopback && html`<p class="note warn">${t("This host listens on this computer only: a board cannot reach it. Start it with a token and on the network first:")}</p>
      <${Command} text="POSEWIRE_TOKEN=16-CHARACTERS-OR-MORE posewire serve --host 0.0.0.0" />`}
    ${serial && may("operator.update") ? html`<${BySerialPort} session=${session} />` : html`<p class="faint">${noSerial(may)}</p>`}
    <details open=${!serial}><summary>${t("The same by commands")}</summary><${ByCommands} session=${session} /></details>
    <h2>${t("It appears here, or shows a code to pair it with.")}</h2>
    <p role="status">${there.length ? t("There now: {names}", { names }) : t("No board is there yet.")} <a href="#/devices">${t("Devices")}</a></p>
  </section>`;
}

/** @param {(need: string) => boolean} may */
function noSerial(may) {
  if (!may("operator.update")) return t("Your token does not allow this.");
  if (!isSecureContext) return t("Browsers give their USB ports only to pages of https, or of this computer.");
  return t("This browser gives no page a USB port (Chrome, Edge and Opera do): these are the commands.");
}

/** @param {{session: any}} props */
function ByCommands({ session }) {
  const url = LOCAL ? `ws://${t("THIS-COMPUTERS-ADDRESS")}:${location.port || 80}/posewire/v1/` : HOST_URL;
  return html`<p>${t("Connect the board by USB to a computer that has Posewire. Each step is one command.")}</p>
    <ol>
      <li>${t("Put MicroPython and the firmware on it. BOARD is its kind: boards/ in the project has a folder for each.")}
        <${Command} text="posewire flash --board BOARD" /><${Command} text="posewire deploy --board BOARD" /></li>
      <li>${t("Tell it your Wi-Fi and this host.")}
        <${Command} text=${`posewire provision --ssid YOUR-WIFI --url ${url}${LOCAL || session.authentication ? " --token-file TOKEN-FILE" : ""}`} /></li>
    </ol>`;
}

/** @param {{session: any}} props */
function BySerialPort({ session }) {
  const { value, error } = usePolled("/api/boards", 60_000);
  const [kind, setKind] = useState("");
  const [port, setPort] = useState(/** @type {Port | null} */ (null));
  const [step, setStep] = useState("");
  const [progress, setProgress] = useState({ what: "", done: 0, total: 0 });
  const [outcome, run] = useOutcome();
  if (!value) return html`<${Trouble} error=${error} />`;
  const board = value.boards.find(({ name }) => name === kind);

  /** Do one step with the board, and show how far it is. @param {string} name @param {(chosen: Port) => Promise<string>} work */
  const begin = (name, work) =>
    run(async () => {
      setStep(name);
      setProgress({ what: "", done: 0, total: 0 });
      try {
        return await work(port ?? (await choose()));
      } finally {
        setStep("");
      }
    });
  const choose = async () => {
    const chosen = await /** @type {NonNullable<typeof serial>} */ (serial).requestPort();
    setPort(chosen);
    return chosen;
  };
  const onProgress = (what, done, total) =>
    setProgress({ what, done, total });
  const parts = { board, begin, onProgress, busy: step !== "" };
  return html`<p>${t("Connect the board by USB to this computer, and go through the steps. What is done already may be left out.")}</p>
    <ol class="steps">
      <li><h2>${t("The board")}</h2><div class="row">
        <label class="grow">${t("Its kind")} <select onChange=${(event) => setKind(event.target.value)}>
          <option value="">${t("choose…")}</option>
          ${value.boards.map(({ name, title }) => html`<option value=${name}>${title}</option>`)}</select></label>
        <button disabled=${parts.busy} onClick=${() => run(async () => void (await choose()))}>${port ? t("Another port") : t("Choose its port")}</button>
        <span class="faint">${port ? describe(port) : ""}</span></div></li>
      <li><h2>MicroPython</h2><${FlashStep} ...${parts} images=${value.images} /></li>
      <li><h2>${t("The firmware")}</h2><${DeployStep} key=${kind} ...${parts} profiles=${value.profiles} look=${value.look} /></li>
      <li><h2>${t("Wi-Fi and host")}</h2><${WifiStep} ...${parts} session=${session} /></li>
    </ol>
    ${step && html`<p role="status">${step}: ${progress.what}</p><progress class="meter" aria-label=${step} max=${progress.total || 1} value=${progress.total ? progress.done : undefined} />`}
    <${Outcome} outcome=${outcome} />`;
}

/** @param {Port} port */
function describe(port) {
  const { usbVendorId, usbProductId } = port.getInfo();
  const hex = (number) => number.toString(16).padStart(4, "0");
  return usbVendorId ? `USB ${hex(usbVendorId)}:${hex(usbProductId ?? 0)}` : t("a port is chosen");
}

/** @param {any} props */
function FlashStep({ board, begin, onProgress, busy, images }) {
  const [file, setFile] = useState(/** @type {File | null} */ (null));
  const write = ({ image, slow }) =>
    begin(t("MicroPython"), async (port) => {
      const bytes = image ? await download(image) : await read(file);
      const chip = await flash(port, bytes, board, { baud: slow ? 115_200 : undefined, onProgress });
      return t("MicroPython is on it: {chip}.", { chip });
    });
  return html`<p class="faint">${t("Erases all that is on the board.")} ${board && html`<a href=${board.image_url} rel="noreferrer" target="_blank">${board.image}</a>`}</p>
    <${Form} label="MicroPython" button=${t("Erase it, and write MicroPython")} disabled=${busy || !board} onSubmit=${write}>
      ${images.length > 0 && html`<label>${t("Image")} <select name="image"><option value="">${t("a file of yours")}</option>${images.map((name) => html`<option value=${name}>${name}</option>`)}</select></label>`}
      <label>${t("Image file (.bin)")} <input type="file" accept=".bin" onChange=${(event) => setFile(event.target.files[0] ?? null)} /></label>
      <label class="row"><input type="checkbox" name="slow" /> ${t("slowly")}</label>
    <//>`;
}

/** @param {File | null} file */
async function read(file) {
  if (!file) throw new Error(t("Choose an image file first."));
  return new Uint8Array(await file.arrayBuffer());
}

/** @param {string} image */
async function download(image) {
  const answer = await fetch(`/api/boards/images/${encodeURIComponent(image)}`, { headers: { "Posewire-Page": "1" } });
  if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).message ?? `HTTP ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}

/** @param {any} props */
function DeployStep({ board, begin, onProgress, busy, profiles, look }) {
  const put = ({ profile }) =>
    begin(t("The firmware"), async (port) => {
      const done = await deploy(port, { board: board.name, profile, look }, onProgress);
      return t("{interpreter}: {written} files written, {unchanged} were there.", done);
    });
  return html`<${Form} label=${t("The firmware")} button=${t("Put the firmware on it")} disabled=${busy || !board} onSubmit=${put}>
    <label>${t("What it is for")} <select name="profile">${profiles.map((name) => html`<option value=${name} selected=${name === board?.profile}>${t(name)}</option>`)}</select></label>
  <//>`;
}

/** @param {any} props */
function WifiStep({ begin, onProgress, busy, session }) {
  const [networks, setNetworks] = useState(/** @type {{ssid: string, rssi: number}[]} */ ([]));
  const [ssid, setSsid] = useState("");
  /** @param {Port} port @param {(board: Improv) => Promise<string>} work */
  const withBoard = async (port, work) => {
    const line = await Line.open(port);
    try {
      const board = new Improv(line);
      onProgress(t("waiting for the firmware"), 0, 0);
      await board.connect();
      return await work(board);
    } finally {
      await line.close();
    }
  };
  const scan = () =>
    begin(t("Look for networks"), (port) =>
      withBoard(port, async (board) => {
        onProgress(t("it looks for networks"), 0, 0);
        const found = await board.scan();
        setNetworks(found);
        setSsid(ssid || (found[0]?.ssid ?? ""));
        return found.length ? "" : t("The board hears no network: it needs one on 2.4 GHz that is near enough.");
      }),
    );
  const join = ({ password, url, token }) =>
    begin(t("Join"), (port) =>
      withBoard(port, async (board) => {
        const { name } = await board.info();
        if (url || token) await board.setHost(url.trim(), (token ?? "").trim());
        onProgress(t("it joins {network}", { network: ssid }), 0, 0);
        await board.setWifi(ssid, password);
        return t("{name} is on {network}. It goes to its host now.", { name, network: ssid });
      }),
    );
  return html`<p class="row"><button disabled=${busy} onClick=${scan}>${t("Look for networks")}</button></p>
    <${Form} label=${t("Wi-Fi and host")} button=${t("Join")} disabled=${busy} onSubmit=${join}>
      <label>${t("Network")} <input required maxlength="32" list="networks" value=${ssid} onInput=${(event) => setSsid(event.target.value)} /></label>
      <datalist id="networks">${networks.map(({ ssid: name, rssi }) => html`<option value=${name}>${rssi} dBm</option>`)}</datalist>
      <label>${t("Password")} <input name="password" type="password" maxlength="64" autocomplete="off" /></label>
      <label class="grow">${t("Host")} <input name="url" type="url" pattern="wss?://.+" defaultValue=${LOCAL ? "" : HOST_URL} placeholder="ws://posewire.local:8000/posewire/v1/" style=${{ width: "100%" }} /></label>
      ${session.authentication && html`<label>${t("Token (none: it shows a code)")} <input name="token" type="password" autocomplete="off" /></label>`}
    <//>`;
}

/** A new board at this computer's own USB port: the steps, one of which is done at a time. */

import { html, useState } from "/vendor/htm-preact.js";
import { useOutcome } from "../../api.js";
import { Outcome } from "../../parts.js";
import { serial } from "../../serial/line.js";
import { t } from "../../text.js";
import { FirmwareStep } from "./firmware_step.js";
import { FlashStep } from "./flash_step.js";
import { WifiStep } from "./wifi_step.js";

/** @typedef {import("../../serial/line.js").Port} Port */

/**
 * What a step gets: `board` is the chosen kind, `busy` whether a step is under way, `begin` does one. `prepare` comes
 * before the person is asked for a port, and `work` gets what it returns.
 * @typedef {object} StepProps
 * @property {Host.BoardKind | undefined} board
 * @property {boolean} busy
 * @property {(name: string, work: (port: Port, prepared: any) => Promise<string>, prepare?: () => Promise<any>) => Promise<void>} begin
 * @property {(what: string, done: number, total: number) => void} onProgress
 */

/** @param {{boards: Host.Boards, board: Host.BoardKind | undefined, session: Host.Session, can: Page.ViewProps["can"]}} props */
export function BySerialPort({ boards, board, session, can }) {
  const [port, setPort] = useState(/** @type {Port | null} */ (null));
  const [step, setStep] = useState("");
  const [progress, setProgress] = useState({ what: "", done: 0, total: 0 });
  const [outcome, run] = useOutcome();
  const choose = async () => {
    const chosen = await /** @type {NonNullable<typeof serial>} */ (serial).requestPort();
    setPort(chosen);
    return chosen;
  };
  /** @type {StepProps["onProgress"]} */
  const onProgress = (what, done, total) => setProgress({ what, done, total });
  /** @type {StepProps["begin"]} */
  const begin = (name, work, prepare = async () => null) =>
    run(async () => {
      const prepared = await prepare();
      const chosen = port ?? (await choose());
      onProgress("", 0, 0);
      setStep(name);
      try {
        return await work(chosen, prepared);
      } finally {
        setStep("");
      }
    });
  const parts = { board, begin, onProgress, busy: step !== "" };
  return html`<p>${t("Connect the board by USB to this computer, and go through the steps. What is done already may be left out.")}</p>
    <ol class="steps">
      <li class="stack"><h2>${t("Its port")}</h2><div class="row">
        <button disabled=${parts.busy} onClick=${() => run(async () => void (await choose()))}>${port ? t("Another port") : t("Choose its port")}</button>
        <span class="faint">${port ? describe(port) : ""}</span></div></li>
      <li class="stack"><h2>MicroPython</h2><${FlashStep} ...${parts} images=${boards.images} /></li>
      <li class="stack"><h2>${t("The firmware")}</h2><${FirmwareStep} key=${board?.name} ...${parts} profiles=${boards.profiles} look=${boards.look} compiles=${can("compile")} /></li>
      <li class="stack"><h2>${t("Wi-Fi and host")}</h2><${WifiStep} ...${parts} session=${session} /></li>
    </ol>
    ${step && html`<p role="status">${step}: ${progress.what}</p><progress class="meter" aria-label=${step} max=${progress.total || 1} value=${progress.total ? progress.done : undefined} />`}
    <${Outcome} outcome=${outcome} />`;
}

/** @param {Port} port */
function describe(port) {
  const { usbVendorId, usbProductId } = port.getInfo();
  const hex = (/** @type {number} */ number) => number.toString(16).padStart(4, "0");
  return usbVendorId ? `USB ${hex(usbVendorId)}:${hex(usbProductId ?? 0)}` : t("a port is chosen");
}

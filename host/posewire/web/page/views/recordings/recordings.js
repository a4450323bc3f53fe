/** Recordings of rooms: the host's, and a file of the person's; one of them is gone through. */

import { readRecording } from "/posewire/v1/client/posewire.js";
import { html, useState } from "/vendor/htm-preact.js";
import { useOutcome } from "../../api.js";
import { Outcome } from "../../parts.js";
import { t } from "../../text.js";
import { OnHost } from "./on_host.js";
import { Player } from "./player.js";

/** @typedef {ReturnType<typeof readRecording> & {name: string}} Opened */

/** @param {{may: (need: string) => boolean}} props */
export function Recordings({ may }) {
  const [recording, setRecording] = useState(/** @type {Opened | null} */ (null));
  const [outcome, run] = useOutcome();
  /** @param {string} name @param {Uint8Array} bytes */
  const open = (name, bytes) => {
    const found = readRecording(bytes);
    if (!found.poses.length) throw new Error(t("There are no poses in this recording."));
    setRecording({ ...found, name });
  };
  /** @param {any} event */
  const openFile = (event) =>
    run(async () => {
      const [file] = event.target.files;
      if (file) open(file.name, new Uint8Array(await file.arrayBuffer()));
    });
  return html`<section class="card" aria-label=${t("Recordings")}>
    <div class="row"><h2 class="grow">${t("Recordings")}</h2>
      <label class="row">${t("Open a recording")} <input type="file" accept=".pwrec" onChange=${openFile} /></label></div>
    <${Outcome} outcome=${outcome} />
    ${recording && html`<${Player} key=${recording.name} recording=${recording} onClose=${() => setRecording(null)} />`}
    ${may("operator.act") && html`<${OnHost} open=${open} run=${run} />`}
  </section>`;
}

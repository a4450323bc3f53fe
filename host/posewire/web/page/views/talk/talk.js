/** Talking with a device, or from this page as a device, and what came of it turn by turn. */

import { html } from "/vendor/htm-preact.js";
import { usePolled } from "../../api.js";
import { Trouble, typed } from "../../parts.js";
import { t } from "../../text.js";
import { WithDevice } from "./with_device.js";
import { WithPage } from "./with_page.js";
import { PAGE } from "./page_device.js";
import { Turn } from "./turn.js";

const DEVICES_MS = 3000;
const TURNS_MS = 1000;

/** @param {Page.ViewProps} props */
export function Talk({ rest, may, can }) {
  const { value } = usePolled(may("operator.read") ? "/api/devices" : null, DEVICES_MS);
  const chosen = rest[0] ?? PAGE;
  /** @type {Host.Device[]} */
  const devices = value?.devices ?? [];
  const boards = devices.filter(({ session }) => session?.board);
  const choose = typed((device) => (location.hash = `#/talk/${encodeURIComponent(device)}`));
  return html`<section class="card">
    <div class="row">
      <h1 class="grow">${t("Talk")}</h1>
      <label>${t("With")} <select value=${chosen} onChange=${choose}>
        <option value=${PAGE} selected=${chosen === PAGE}>${t("this page")}</option>
        ${boards.map(({ device, name }) => html`<option value=${device} selected=${chosen === device}>${name || device}</option>`)}
        ${chosen !== PAGE && !boards.some(({ device }) => device === chosen) && html`<option value=${chosen} selected>${chosen}</option>`}
      </select></label>
    </div>
    ${!can("voice") && html`<p class="note warn">${t("This host runs without a voice: it hears and says nothing. On its machine, posewire doctor tells what is missing.")}</p>`}
    ${chosen === PAGE ? can("voice") && html`<${WithPage} opus=${can("opus")} />` : html`<${WithDevice} key=${chosen} device=${chosen} may=${may} voice=${can("voice")} />`}
    ${may("operator.read") && html`<${Conversation} key=${`turns ${chosen}`} device=${chosen} />`}
  </section>`;
}

/** @param {{device: string}} props */
function Conversation({ device }) {
  const { value, error } = usePolled(`/api/devices/${encodeURIComponent(device)}/turns`, TURNS_MS);
  /** @type {Host.Turn[]} */
  const turns = [...(value?.turns ?? [])].reverse();
  const nothing = device === PAGE ? t("Nothing was said from this page yet.") : t("The host knows of no turn of this device.");
  return html`<h2>${t("Conversation")}</h2>
    <${Trouble} error=${error} />
    ${value?.budget_ms && turns.length > 0 && html`<p class="faint">${t("The line in each is the budget: {ms} ms.", { ms: value.budget_ms })}</p>`}
    ${value && !turns.length && html`<p class="faint">${nothing}</p>`}
    ${turns.map((turn) => html`<${Turn} key=${turn.at} turn=${turn} budget=${value.budget_ms} />`)}`;
}

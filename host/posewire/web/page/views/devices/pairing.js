/** Devices that wait to be paired. */

import { html, useRef } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../../api.js";
import { Field, Form, Outcome } from "../../parts.js";
import { t } from "../../text.js";

const POLL_MS = 3000;

/** @typedef {{list: Host.Waiting[], some: boolean, refresh: () => Promise<void>}} Waiting `some`: there are, or were just now */

/** The devices that wait. @param {boolean} wanted @returns {Waiting} */
export function useWaiting(wanted) {
  const { value, refresh } = usePolled(wanted ? "/api/pairings" : null, POLL_MS);
  const some = useRef(false);
  const list = value?.waiting ?? [];
  // What came of them stays where it was asked for.
  some.current ||= list.length > 0;
  return { list, some: some.current, refresh };
}

/**
 * Those that wait, and a form for a code that somebody reads from a device.
 * @param {{waiting: Waiting, refresh?: () => Promise<void>}} props `refresh`: the list of the devices
 */
export function Pair({ waiting, refresh = async () => {} }) {
  const [outcome, run] = useOutcome();
  const { list } = waiting;
  /** @type {(values: Page.Values, form?: HTMLFormElement) => Promise<void>} */
  const pair = ({ code, name }, form) =>
    run(async () => {
      const found = await ask("/api/devices", { body: { code: code.trim(), name } });
      form?.reset();
      await Promise.all([refresh(), waiting.refresh()]);
      return t("{name} is paired.", { name: found.name || found.device });
    });
  const refuse = (/** @type {Host.Waiting} */ { code, device }) =>
    run(async () => {
      await ask(`/api/pairings/${code}`, { method: "DELETE" });
      await waiting.refresh();
      return t("{device} is refused: it is told so, and may ask again in ten minutes.", { device });
    });
  return html`<section class="card">
    <h2>${t("Pair a device")}</h2>
    <p class="faint">${t("A device that is new here shows or speaks six digits.")}</p>
    ${list.map(
      (each) => html`<div class="row" key=${each.code}>
        <span class="grow"><code class="code">${each.code}</code> ${each.board || t("a device")} <span class="faint">${each.device}, ${each.address}</span></span>
        <button onClick=${(/** @type {MouseEvent} */ { detail }) => detail < 2 && pair({ code: each.code, name: "" })} aria-label=${t("Pair the device with the code {code}", { code: each.code })}>${t("Pair")}</button>
        <button onClick=${() => refuse(each)} aria-label=${t("Refuse the device with the code {code}", { code: each.code })}>${t("Refuse")}</button>
      </div>`,
    )}
    ${list.length > 0 && html`<p class="faint">${t("Pair only what shows you the same code.")}</p>`}
    <${Form} label=${t("Pair a device")} button=${t("Pair")} onSubmit=${pair}>
      <${Field} label=${t("Code")}><input name="code" inputmode="numeric" pattern="\\s*[0-9]{6}\\s*" required size="8" /><//>
      <${Field} label=${t("Name")}><input name="name" maxlength="64" /><//>
    <//>
    <${Outcome} outcome=${outcome} />
  </section>`;
}

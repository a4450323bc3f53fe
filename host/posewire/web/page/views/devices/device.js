/** One device closely: what it reports, what can be done with it. */

import { html, useEffect, useState } from "/vendor/htm-preact.js";
import { ask, callTool, useOutcome, usePolled } from "../../api.js";
import { Facts, Field, Form, Outcome } from "../../parts.js";
import { t } from "../../text.js";
import { factsOf } from "./facts.js";
import { BoardSettings } from "./settings.js";
import { State } from "./state.js";
import { Update } from "./update.js";

const SIMULATED_MS = 5000;
const TOOLS_MS = 10_000;

/**
 * @param {{device: Host.Device, heading: {current: HTMLElement | null}, may: Page.ViewProps["may"], can: Page.ViewProps["can"],
 *   refresh: () => Promise<void>}} props `heading` gets its element
 */
export function Device({ device, heading, may, can, refresh }) {
  const { device: id, session, report, pairing } = device;
  const path = `/api/devices/${encodeURIComponent(id)}`;
  const [outcome, run] = useOutcome();
  const [log, setLog] = useState("");
  /** @type {{number: number, device: string}[] | undefined} */
  const boards = usePolled("/api/sim-boards", SIMULATED_MS).value?.boards;
  const simulated = boards?.find((board) => board.device === id);
  const call = (/** @type {string} */ tool) => callTool(id, tool);
  /** @type {Host.Tool[]} */
  const tools = usePolled(session && may("operator.read") ? `${path}/tools` : null, TOOLS_MS).value?.tools ?? [];
  const has = (/** @type {string} */ tool) => tools.some(({ name }) => name === tool);
  /** @type {(work: () => Promise<unknown>, done: string) => Promise<void>} */
  const act = (work, done) => run(async () => (await work(), await refresh(), done));
  const acts = session && may("operator.act");
  const rename = (/** @type {Page.Values} */ { name }) => act(() => ask(path, { method: "PATCH", body: { name } }), name.trim() ? t("It is called {name} now.", { name: name.trim() }) : t("It has no name now."));
  const revoke = () =>
    confirm(t("Take away the access of {name}?", { name: device.name || id })) &&
    act(() => ask(`${path}/pairing`, { method: "DELETE" }), t("It has no access any more."));
  const endSimulated = () =>
    act(() => ask(`/api/sim-boards/${simulated?.number}`, { method: "DELETE" }), t("The simulated board is gone."));
  // What was said of an earlier session (that it restarts) holds no longer.
  useEffect(() => void run(async () => ""), [session?.id]);
  return html`<section class="card" aria-label=${device.name || id}>
    <div class="row"><h1 class="grow" tabindex="-1" ref=${heading}>${device.name || id} <${State} device=${device} /></h1><a href="#/devices">${t("Close")}</a></div>
    <div class="columns">
      <div>
        <${Facts} facts=${factsOf(device)} />
      </div>
      <div class="stack"><div class="row">
        ${
          acts &&
          html`${has("self.identify") && html`<button onClick=${() => act(() => call("self.identify"), t("It blinks and beeps."))}>${t("Identify")}</button>`}
          ${has("self.restart") && html`<button onClick=${() => act(() => call("self.restart"), t("It restarts."))}>${t("Restart")}</button>`}
          ${has("self.log.read") && html`<button onClick=${() => run(async () => setLog(await call("self.log.read")))}>${t("Read its log")}</button>`}
          <a href=${`#/talk/${encodeURIComponent(id)}`}>${t("Talk to it")}</a>`
        }
        ${pairing && !pairing.revoked && may("operator.pair") && html`<button onClick=${revoke}>${t("Revoke")}</button>`}
        ${simulated && may("operator.act") && html`<button onClick=${endSimulated}>${t("End the simulated board")}</button>`}
      </div>
      <${Outcome} outcome=${outcome} />
      ${may("operator.act") && html`<${Form} label=${t("Rename")} button=${t("Rename")} onSubmit=${rename}>
        <${Field} label=${t("Name")}><input name="name" maxlength="64" defaultValue=${device.name} /><//>
      <//>`}
      ${session?.updatable && may("operator.update") && html`<${Update} device=${device} path=${path} compiles=${can("compile")} refresh=${refresh} />`}
      </div>
    </div>
    ${acts && session.board && html`<${BoardSettings} path=${path} restart=${() => call("self.restart")} />`}
    ${log && html`<h2>${t("Log of the board")}</h2><pre tabindex="0">${log}</pre>`}
    ${report?.crash && html`<h2>${t("Last crash")}</h2><pre tabindex="0">${report.crash}</pre>`}
  </section>`;
}

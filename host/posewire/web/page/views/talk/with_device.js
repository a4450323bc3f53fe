/** Talking with a device that is connected: ask it in writing, say something on it, call its tools. */

import { html, useState } from "/vendor/htm-preact.js";
import { ask, callTool, useOutcome, usePolled } from "../../api.js";
import { Check, Field, Form, Outcome, Trouble, typed } from "../../parts.js";
import { t } from "../../text.js";

const TOOLS_MS = 10_000;

/** @param {{device: string, may: (need: string) => boolean, voice: boolean}} props `voice`: whether the host has one */
export function WithDevice({ device, may, voice }) {
  const path = `/api/devices/${encodeURIComponent(device)}`;
  const { value, error } = usePolled(may("operator.read") ? `${path}/tools` : null, TOOLS_MS);
  const [outcome, run] = useOutcome();
  const [chosen, setChosen] = useState("");
  if (!may("operator.act")) return html`<p class="note">${t("Your token lets you look only.")}</p>`;
  /** @type {(values: Page.Values, form: HTMLFormElement) => Promise<void>} */
  const put = ({ text }, form) => run(async () => (await ask(`${path}/ask`, { body: { text } }), form.reset()));
  /** @type {(values: Page.Values, form: HTMLFormElement) => Promise<void>} */
  const say = ({ text, urgent }, form) =>
    run(async () => {
      const { devices } = await ask(`${path}/say`, { body: { text, urgent: urgent === "on", wait: true } });
      form.reset();
      return t("“{text}”: {outcome}.", { text, outcome: t(String(Object.values(devices)[0])) });
    }, t("It is said when the device is free."));
  const call = (/** @type {Page.Values} */ { name, arguments: written }) => run(() => callTool(device, name, readArguments(written)));
  /** @type {Host.Tool[]} */
  const tools = value?.tools ?? [];
  const tool = tools.find(({ name }) => name === chosen) ?? tools[0];
  return html`
    ${
      voice &&
      html`<${Form} label=${t("Ask in writing")} button=${t("Ask")} onSubmit=${put}>
      <${Field} label=${t("Ask in writing")} grow><input name="text" required maxlength="1000" /><//>
    <//>
    <${Form} label=${t("Say")} button=${t("Say")} onSubmit=${say}>
      <${Field} label=${t("Say something on it")} grow><input name="text" required maxlength="1000" /><//>
      <${Check} label=${t("urgent")} name="urgent" />
    <//>`
    }
    <${Trouble} error=${error} />
    ${
      tool &&
      html`<${Form} label=${t("Call a tool")} button=${t("Call")} onSubmit=${call}>
      <${Field} label=${t("Tool")}><select name="name" onChange=${typed(setChosen)}>${tools.map(({ name }) => html`<option value=${name}>${name}</option>`)}</select><//>
      <${Field} label=${t("Arguments (JSON)")} grow><input name="arguments" key=${tool.name} defaultValue=${example(tool.inputSchema)} /><//>
    <//><p class="faint">${tool.description}</p>`
    }
    <${Outcome} outcome=${outcome} />`;
}

/** Arguments as somebody has written them. @param {string} written @returns {object} */
function readArguments(written) {
  try {
    return JSON.parse(written || "{}");
  } catch (error) {
    throw new Error(t("These arguments are not JSON: {why}", { why: error.message }));
  }
}

/** Arguments that fit a tool's schema, as an example. @param {Host.Tool["inputSchema"]} schema */
function example(schema) {
  const value = (/** @type {Host.ToolValue} */ { type, minimum, default: usual, enum: choices }) =>
    usual ?? choices?.[0] ?? (type === "boolean" ? true : type === "string" ? "" : (minimum ?? 0));
  return JSON.stringify(Object.fromEntries(Object.entries(schema?.properties ?? {}).map(([name, part]) => [name, value(part)])));
}

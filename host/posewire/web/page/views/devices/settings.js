/** The settings on a board: a form made from what the board says of them. */

import { html, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome } from "../../api.js";
import { Outcome } from "../../parts.js";
import { t } from "../../text.js";
import { nameOf } from "./setting_names.js";

/** @typedef {{name: string, value: any, default: any, is: string}} Setting */

/** @param {{path: string, restart: () => Promise<any>}} props */
export function BoardSettings({ path, restart }) {
  const [settings, setSettings] = useState(/** @type {Setting[] | null} */ (null));
  const [outcome, run] = useOutcome();
  const load = () => run(async () => void setSettings((await ask(`${path}/settings`)).settings));
  const opened = (/** @type {any} */ event) => event.target.open && !settings && load();
  const save = (/** @type {any} */ event) => {
    event.preventDefault();
    const form = event.target;
    run(async () => {
      const changed = (settings ?? []).filter((setting) => written(setting, form) !== JSON.stringify(setting.value));
      for (const setting of changed)
        await ask(`${path}/settings`, { method: "PATCH", body: { name: setting.name, value: JSON.parse(written(setting, form)) } });
      if (!changed.length) return t("Nothing was changed.");
      await load();
      return t("Kept: {names}. It holds from the next start.", { names: changed.map(({ name }) => name).join(", ") });
    });
  };
  const begin = () => run(async () => (await restart(), t("It restarts.")));
  return html`<details onToggle=${opened}><summary>${t("Settings of the board")}</summary>
    ${settings && html`<form class="settings" aria-label=${t("Settings of the board")} onSubmit=${save}>
      ${settings.map((setting) => html`<${Field} key=${setting.name} setting=${setting} />`)}
      <div class="row"><button class="main">${t("Keep on the board")}</button><button type="button" onClick=${begin}>${t("Restart")}</button></div>
    </form>`}
    <${Outcome} outcome=${outcome} />
  </details>`;
}

/** @param {{setting: Setting}} props */
function Field({ setting }) {
  const { name, value, is } = setting;
  const kind = kindOf(setting);
  const [low, high] = kind.range ?? [];
  return html`<label><span>${nameOf(name)} <code class="faint">${name}</code></span>
    ${
      kind.choices
        ? html`<select name=${name}>${kind.choices.map((choice) => html`<option value=${choice} selected=${choice === JSON.stringify(value)}>${plain(choice)}</option>`)}</select>`
        : html`<input name=${name} type=${kind.range ? "number" : "text"} step=${kind.whole ? 1 : "any"} min=${low} max=${high} required=${!kind.empty} defaultValue=${kind.json ? JSON.stringify(value) : (value ?? "")} />`
    }<span class="faint">${kind.choices ? "" : t(is)}</span></label>`;
}

/** How a setting is asked for, from the words in which the board says what it must be. @param {Setting} setting */
function kindOf({ is, value, default: usual }) {
  const empty = /\bor null\b|, null/.test(is);
  const range = /^(-?[\d.]+)[.][.](-?[\d.]+)/.exec(is);
  if (is === "true or false") return { choices: ["true", "false"] };
  if (range) return { range: [range[1], range[2]], empty, whole: Number.isInteger(usual ?? 0) && !/Hz/.test(is) };
  const words = is.replace(/^one of /, "").split(/, | or /);
  if (is.startsWith("one of ")) return { choices: words.map((word) => JSON.stringify(word)) };
  if (words.length > 1 && words.every((word) => /^("[^"]*"|-?\d+)$/.test(word))) return { choices: words };
  return { empty, json: [value, usual].some((each) => each !== null && typeof each === "object") };
}

/** The choice as people read it. @param {string} choice */
const plain = (choice) => choice.replace(/^"|"$/g, "");

/** What stands in the form for a setting, as JSON. @param {Setting} setting @param {HTMLFormElement} form */
function written(setting, form) {
  const text = /** @type {any} */ (form.elements.namedItem(setting.name)).value;
  const kind = kindOf(setting);
  if (kind.choices || kind.json) return JSON.stringify(JSON.parse(text));
  if (text === "" && kind.empty) return "null";
  return kind.range ? JSON.stringify(Number(text)) : JSON.stringify(text);
}

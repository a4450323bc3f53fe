/** The host's configuration: what is in force and where it comes from, and an editor that checks before it saves. */

import { html, useEffect, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome } from "../../api.js";
import { Field, Outcome, Trouble, typed } from "../../parts.js";
import { errorText, t } from "../../text.js";

/** @param {{start: string}} props `start`: what a command of the host begins with */
export function Configuration({ start }) {
  const [found, setFound] = useState(/** @type {Host.Configuration | null} */ (null));
  const [error, setError] = useState(/** @type {any} */ (null));
  const load = async () => {
    const now = await ask("/api/configuration");
    setFound(now);
    return now;
  };
  useEffect(() => void load().catch(setError), []);
  return html`<section class="card" aria-label=${t("Configuration")}>
    <h2>${t("Configuration")}</h2>
    <${Trouble} error=${error} />
    ${found && html`<p class="faint">${found.path ? t("From {path}.", { path: found.path }) : t("This host was started without a file: {command} makes one.", { command: `${start} init` })} ${found.why ? errorText(found.code ?? "", found.why) : ""}</p>
      ${found.text !== undefined && html`<${Editor} found=${found} load=${load} />`}
      <details><summary>${t("What is in force")}</summary><${InForce} sections=${found.sections} /></details>`}
  </section>`;
}

/** @param {{found: Host.Configuration, load: () => Promise<Host.Configuration>}} props */
function Editor({ found, load }) {
  const [text, setText] = useState(found.text ?? "");
  const [outcome, run] = useOutcome();
  const check = () => run(async () => told(await ask("/api/configuration/check", { body: { text } })));
  const save = () =>
    run(async () => {
      const change = await ask("/api/configuration", { method: "PUT", body: { text, stamp: found.stamp } });
      setText((await load()).text ?? "");
      return `${t("It is saved.")} ${told(change)}`;
    });
  return html`<${Field} label=${t("The file")}><textarea class="code-text" rows="14" spellcheck=${false} value=${text} onInput=${typed(setText)}></textarea><//>
    ${!found.editable && html`<p class="note warn">${t("A host without authentication lets nobody change its file: edit it on its machine.")}</p>`}
    <p class="faint">${t("What stands as <hidden 1> is a secret: leave it, or write another.")}</p>
    <div class="row"><button onClick=${check}>${t("Check")}</button><button class="main" disabled=${text === found.text || !found.editable} onClick=${save}>${t("Check and save")}</button>
      <button onClick=${() => run(async () => (setText((await load()).text ?? ""), ""))}>${t("Load again")}</button></div>
    <${Outcome} outcome=${outcome} />`;
}

/** @param {{live: string[], later: string[]}} change */
function told({ live, later }) {
  const parts = [live.length ? t("At once: {settings}.", { settings: live.join(", ") }) : "", later.length ? t("After a restart: {settings}.", { settings: later.join(", ") }) : ""];
  return parts.join(" ").trim() || t("Nothing changes.");
}

/** @param {{sections: Host.Section[]}} props */
function InForce({ sections }) {
  const source = { file: t("the file"), default: t("default"), elsewhere: t("command line or environment") };
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${t("What is in force")}><table>
    <thead><tr><th scope="col">${t("Setting")}</th><th scope="col">${t("Value")}</th><th scope="col">${t("Comes from")}</th><th scope="col">${t("A change holds")}</th></tr></thead>
    <tbody>${sections.map(({ name, settings, off }) =>
      off
        ? html`<tr><td>[${name}]</td><td colspan="3">${t("off")}</td></tr>`
        : settings.map(
            (each) => html`<tr><td>[${name}] ${each.name}</td><td class="wraps">${shown(each.value)}</td>
              <td class=${each.source === "default" ? "faint" : ""}>${source[each.source]}</td><td class="faint">${each.live ? t("at once") : t("after a restart")}</td></tr>`,
          ),
    )}</tbody></table></div>`;
}

/** @param {unknown} value */
const shown = (value) => (value === null || value === "" ? "–" : typeof value === "string" ? value : JSON.stringify(value));

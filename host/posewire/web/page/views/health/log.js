/** The host's log, newest first, with a filter. */

import { html, useEffect, useMemo, useState } from "/vendor/htm-preact.js";
import { ask } from "../../api.js";
import { typed } from "../../parts.js";
import { clockTime, t } from "../../text.js";

const LOOK_MS = 2000;
const KEPT = 1000;
const SHOWN = 200;

/** @typedef {{number: number, time: number, level: string, event: string, fields: Record<string, any>}} LogLine */

export function Log() {
  const lines = useLog();
  const [filter, setFilter] = useState("");
  const [level, setLevel] = useState("info");
  const shown = useMemo(() => {
    const words = filter.toLowerCase();
    const wanted = (/** @type {LogLine} */ line) => (level === "info" || line.level !== "info") && JSON.stringify(line).toLowerCase().includes(words);
    return lines.filter(wanted).slice(-SHOWN).reverse();
  }, [lines, filter, level]);
  return html`<section class="card">
    <div class="row"><h2 class="grow">${t("Log of the host")}</h2>
      <label>${t("Level")} <select value=${level} onChange=${typed(setLevel)}><option value="info">${t("all")}</option><option value="warning">${t("warnings and errors")}</option></select></label>
      <label><span class="visually-hidden">${t("Filter")}</span><input type="search" placeholder=${t("Filter")} value=${filter} onInput=${typed(setFilter)} /></label></div>
    <ul class="log" tabindex="0" aria-label=${t("Log of the host")}>${shown.map((line) => html`<${Line} key=${line.number} line=${line} />`)}</ul>
  </section>`;
}

/** The last lines: asked for once, then only what is new. */
function useLog() {
  const [lines, setLines] = useState(/** @type {LogLine[]} */ ([]));
  useEffect(() => {
    /** @type {LogLine[]} */
    let held = [];
    let alive = true;
    const look = async () => {
      if (document.hidden) return;
      const fresh = await ask(`/api/log?after=${held.at(-1)?.number ?? 0}`).catch(() => null);
      if (!alive || !fresh?.lines.length) return;
      held = [...held, ...fresh.lines].slice(-KEPT);
      setLines(held);
    };
    look();
    const timer = setInterval(look, LOOK_MS);
    return () => {
      alive = false;
      clearInterval(timer);
    };
  }, []);
  return lines;
}

/** @param {{line: LogLine}} props */
const Line = ({ line: { time, level, event, fields } }) =>
  html`<li><span class="faint">${clockTime(time)}</span> <b class=${level === "info" ? "" : level === "warning" ? "warn" : "bad"}>${event}</b> ${Object.entries(fields)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ")}</li>`;

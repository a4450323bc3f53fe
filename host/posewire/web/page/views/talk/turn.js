/** One turn: what was heard, done and said, and where the time went. */

import { html } from "/vendor/htm-preact.js";
import { clockTime, t } from "../../text.js";
import { PlaySound } from "./play_sound.js";

/**
 * The stages for people; their names in the log and the documents are the keys.
 * @type {Record<string, () => string>}
 */
const STAGES = {
  asr: () => t("recognition"),
  intent: () => t("command"),
  llm: () => t("language model"),
  tool: () => t("tool"),
  sentence: () => t("first sentence"),
  tts: () => t("voice"),
  total: () => t("in all"),
};

/** @param {{device: string, turn: Host.Turn, budget: number | null}} props `budget`: the ms that a turn may take */
export function Turn({ device, turn, budget }) {
  const { endpoint, ...stages } = turn.stages;
  const time = clockTime(turn.at);
  const labels = { heard: t("Play what was heard at {time}", { time }), said: t("Play what was said at {time}", { time }) };
  const sound = (/** @type {"heard" | "said"} */ part) =>
    turn.sound.includes(part) &&
    html` <${PlaySound} label=${labels[part]} url=${`/api/devices/${encodeURIComponent(device)}/turns/${turn.id}/${part}.wav`} />`;
  return html`<article class="turn">
    <p class="faint">${time} ${turn.outcome ? t(turn.outcome) : t("under way…")}${endpoint !== undefined && t(", after {ms} ms of silence", { ms: Math.round(endpoint) })}
      ${turn.over_budget && html`<span class="warn"> ${t("too slow: {stage}", { stage: STAGES[turn.over_budget]?.() ?? turn.over_budget })}</span>`}</p>
    ${(turn.heard || turn.sound.includes("heard")) && html`<p><span class="faint">${t("Heard")}</span> ${turn.heard}${sound("heard")}</p>`}
    ${turn.calls.map((call) => html`<p><span class="faint">${t("Called")}</span> <code>${call.tool} ${call.arguments}</code> → <span class=${call.failed ? "bad" : ""}>${call.result ?? "…"}</span> ${call.ms !== null && html`<span class="faint">${Math.round(call.ms)} ms</span>`}</p>`)}
    ${(turn.said.length > 0 || turn.sound.includes("said")) && html`<p><span class="faint">${t("Said")}</span> ${turn.said.join(" ")}${sound("said")}</p>`}
    ${Object.keys(stages).length > 0 && html`<${Waterfall} stages=${stages} budget=${budget} />`}
  </article>`;
}

/**
 * The stages one after the other, against the budget.
 * @param {{stages: Record<string, number>, budget: number | null}} props
 */
function Waterfall({ stages, budget }) {
  const { total, ...parts } = stages;
  const sum = Object.values(parts).reduce((all, ms) => all + ms, 0);
  const end = 1.02 * Math.max(budget ?? 0, total ?? 0, sum, 1);
  let at = 0;
  const rows = Object.entries(parts).map(([stage, ms]) => {
    const from = at;
    at += ms;
    return { stage, ms, from };
  });
  if (total !== undefined) rows.push({ stage: "total", ms: total, from: 0 });
  return html`<div class="waterfall" role="table" aria-label=${t("Where the time went")}>
    ${rows.map(({ stage, ms, from }) => html`<div role="row" key=${stage}>
        <span role="rowheader" title=${stage}>${STAGES[stage]?.() ?? stage}</span>
        <span role="cell"><svg viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
          ${budget && html`<line class="budget" x1=${(100 * budget) / end} x2=${(100 * budget) / end} y1="0" y2="8" />`}
          <rect class=${stage === "total" && budget && ms > budget ? "late" : "took"} x=${(100 * from) / end} y="1" width=${Math.max(0.7, (100 * ms) / end)} height="6" />
        </svg></span>
        <span class="ms" role="cell">${Math.round(ms)} ms</span>
      </div>`)}
  </div>`;
}

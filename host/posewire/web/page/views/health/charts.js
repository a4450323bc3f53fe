/** An hour of the host, as charts. */

import { html, useEffect, useMemo, useRef, useState } from "/vendor/htm-preact.js";
import uPlot from "/vendor/uplot.js";
import { ask } from "../../api.js";
import { duration } from "../../parts.js";
import { clockTime, shortTime, t } from "../../text.js";
import { rounded } from "./rounded.js";

const HISTORY_MS = 4000;
const SAMPLES = 600;
/** What the first sample has for width, which alone has none. */
const LEAST_SECONDS = 60;
/** Up to such a span the times have seconds. */
const WITH_SECONDS = 300;
/** Pixels that a time on the axis needs, so that it touches no other one. */
const TIME_WIDTH = 90;

/** @type {ChartOf[]} */
const CHARTS = [
  { title: () => t("Processor"), lines: [{ name: "cpu" }], scale: 100, unit: "%" },
  { title: () => t("Memory"), lines: [{ name: "memory_mb" }], unit: "MB" },
  { title: () => t("Delay of messages (p99)"), lines: [{ name: "latency_ms" }], unit: "ms" },
  { title: () => t("Lag of the event loop (p99)"), lines: [{ name: "loop_lag_ms" }], unit: "ms" },
  { title: () => t("Poses a second"), lines: [{ name: "pose_in", label: () => t("in") }, { name: "pose_out", label: () => t("out") }] },
  { title: () => t("Audio frames a second"), lines: [{ name: "audio_in" }] },
  { title: () => t("Frames dropped a second"), lines: [{ name: "dropped" }] },
  { title: () => t("Connections and rooms"), lines: [{ name: "connections", label: () => t("connections") }, { name: "rooms", label: () => t("rooms") }] },
  { title: () => t("Longest queue"), lines: [{ name: "queued_bytes" }], scale: 1 / 1024, unit: "KB" },
];

/** `lines`: the host's name of a series, and what it is called where there are several. */
/** @typedef {{title: () => string, lines: {name: string, label?: () => string}[], scale?: number, unit?: string}} ChartOf */
/** @typedef {{names: string[], samples: number[][]}} History a sample: the unix time, then a value for each name */

export function Charts() {
  const history = useHistory();
  const span = spanOf(history.samples.map(([at]) => at));
  return html`<section class="card"><h2>${t("The last hour")} <span class="faint">${span ? duration(1000 * span) : t("it begins now")}</span></h2>
    <div class="charts">${CHARTS.map((chart) => html`<${Chart} key=${chart.lines[0].name} chart=${chart} history=${history} />`)}</div></section>`;
}

/** The samples of the last hour: asked for once, then only what is new. */
function useHistory() {
  const [history, setHistory] = useState(/** @type {History} */ ({ names: [], samples: [] }));
  const held = useRef(history);
  useEffect(() => {
    let alive = true;
    const look = async () => {
      if (document.hidden) return;
      const newest = held.current.samples.at(-2)?.[0] ?? 0;
      const fresh = await ask(`/api/history?after=${newest}`).catch(() => null);
      if (!alive || !fresh) return;
      const known = held.current.samples.filter((/** @type {number[]} */ [at]) => at <= newest);
      const samples = [...known, ...fresh.samples].slice(-SAMPLES);
      held.current = { names: fresh.names, samples };
      setHistory(held.current);
    };
    look();
    const timer = setInterval(look, HISTORY_MS);
    return () => {
      alive = false;
      clearInterval(timer);
    };
  }, []);
  return history;
}

/** @param {{chart: ChartOf, history: History}} props */
function Chart({ chart, history }) {
  const place = useRef(null);
  const plot = useRef(/** @type {uPlot | null} */ (null));
  const { title, lines, scale = 1, unit = "" } = chart;
  const data = useMemo(() => {
    const columns = lines.map(({ name }) => history.names.indexOf(name) + 1);
    const values = columns.map((column) => history.samples.map((sample) => (column ? scaled(sample[column], scale) : null)));
    return [history.samples.map(([at]) => at), ...values];
  }, [history]);
  useEffect(() => {
    const made = makePlot(place.current, lines.length, data);
    plot.current = made;
    const watch = new ResizeObserver(() => made.setSize(sizeOf(place.current)));
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      made.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  const now = (/** @type {number} */ index) => rounded(data[index + 1].at(-1) ?? 0);
  const named = lines.map(({ label }, index) => html`<span class=${`line-${index}`}>${label?.()} <b>${now(index)}</b></span> `);
  return html`<figure class="chart"><figcaption>${title()} ${lines.length > 1 ? named : html`<b>${now(0)} ${unit}</b>`}</figcaption><div ref=${place} aria-hidden="true"></div></figure>`;
}

/** @param {number | null | undefined} value @param {number} scale */
const scaled = (value, scale) => (value === null || value === undefined ? null : value * scale);

/** @param {HTMLElement} element */
const sizeOf = (element) => ({ width: Math.max(200, element.clientWidth), height: 140 });

/** @param {number[]} times */
const spanOf = (times) => (times.at(-1) ?? 0) - (times[0] ?? 0);

/** A range of times that is wide enough to be drawn. @param {number | null} from @param {number} to */
const atLeast = (from, to) => [Math.min(from ?? to, to - LEAST_SECONDS), to];

/**
 * @param {HTMLDivElement} place
 * @param {number} lines how many
 * @param {any[]} data
 */
function makePlot(place, lines, data) {
  const style = getComputedStyle(document.documentElement);
  const [text, line, ...colors] = ["--faint", "--line", "--accent", "--warn"].map((name) => style.getPropertyValue(name));
  const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
  const times = (/** @type {unknown} */ _, /** @type {number[]} */ splits) => splits.map(spanOf(splits) <= WITH_SECONDS ? clockTime : shortTime);
  const options = {
    ...sizeOf(place),
    legend: { show: false },
    cursor: { y: false },
    // Half of the last time on the axis may stand there.
    padding: [null, TIME_WIDTH / 3, null, null],
    scales: {
      x: { range: (/** @type {unknown} */ _, /** @type {number | null} */ from, /** @type {number | null} */ to) => atLeast(from, to ?? Date.now() / 1000) },
      y: { range: (/** @type {unknown} */ _, /** @type {number | null} */ _low, /** @type {number | null} */ high) => [0, Math.max(high ?? 0, 1) * 1.1] },
    },
    series: [{}, ...colors.slice(0, lines).map((stroke) => ({ stroke, width: 2, spanGaps: false, points: { show: false } }))],
    axes: [{ ...axis, size: 32, space: TIME_WIDTH, values: times }, { ...axis, size: 48 }],
  };
  return new uPlot(options, data, place);
}

/** How the host is: an hour of charts, alerts with advice, and its log. */

import { html, useEffect, useMemo, useRef, useState } from "/vendor/htm-preact.js";
import uPlot from "/vendor/uplot.js";
import { ask, usePolled } from "../api.js";
import { Facts, Trouble, duration } from "../parts.js";
import { t } from "../text.js";
import { Configuration } from "./configuration.js";

const CHARTS = [
  { title: "Processor", names: ["cpu"], scale: 100, unit: "%" },
  { title: "Memory", names: ["memory_mb"], unit: "MB" },
  { title: "Delay of messages (p99)", names: ["latency_ms"], unit: "ms" },
  { title: "Lag of the event loop (p99)", names: ["loop_lag_ms"], unit: "ms" },
  { title: "Poses a second", names: ["pose_in", "pose_out"], unit: "" },
  { title: "Audio frames a second", names: ["audio_in"], unit: "" },
  { title: "Frames dropped a second", names: ["dropped"], unit: "" },
  { title: "Connections and rooms", names: ["connections", "rooms"], unit: "" },
  { title: "Longest queue", names: ["queued_bytes"], scale: 1 / 1024, unit: "KB" },
];

/** What an alert means, and what helps. */
const ADVICE = {
  latency_ms: "Messages take long to pass through. Fewer poses or subscribers, or a faster machine; the log says what is slow.",
  loop_lag_ms: "Something holds the host up: a plug-in, a tool, or a machine that is too busy.",
  loss: "Members miss frames because their networks are too slow. Lower the senders' rate, or subscribe to less.",
  cpu: "The processor is busy all the time. Move the speech engines to another machine, or send fewer poses.",
  memory_growth_mb: "Memory grows fast: many newcomers, or large rooms. [server] max_memory_mb sets a limit.",
  memory_leak_mb: "Memory has grown for an hour. Please report it with the log.",
  send_failures: "Many connections are congested, or there are internal errors: look into the log.",
  min_frame_rate: "A publisher sends fewer poses than wanted: look at its signal and its light.",
};

export function Health({ may }) {
  const { value: numbers, error } = usePolled("/api/statistics", 2000);
  const { value: alerts } = usePolled("/alerts", 4000);
  return html`
    <section class="card">
      <h1>${t("Health")}</h1>
      <${Trouble} error=${error} />
      ${alerts && (alerts.active.length ? alerts.active.map((alert) => html`<p class="note bad" role="alert"><b>${alert.name}</b> ${alert.value?.toFixed?.(2)} (${t("threshold")} ${alert.threshold}). ${t(ADVICE[alert.name] ?? "")}</p>`) : html`<p class="state good">${t("No alert is on.")}</p>`)}
      ${
        numbers &&
        html`<${Facts} facts=${[
          [t("Connections"), numbers.open],
          [t("Rooms"), numbers.room_count],
          [t("Delay of messages"), `p50 ${ms(numbers.message_ms.p50)}, p99 ${ms(numbers.message_ms.p99)}`],
          [t("Lag of the event loop"), `p50 ${ms(numbers.loop_lag_ms.p50)}, p99 ${ms(numbers.loop_lag_ms.p99)}`],
        ]} />`
      }
    </section>
    ${may("operator.read") && html`<${Charts} />`}
    ${may("operator.act") && html`<${Log} />`}
    ${may("server.config") && html`<${Configuration} />`}
    ${alerts?.history.length ? html`<section class="card"><h2>${t("Past alerts")}</h2><ul class="log" tabindex="0">${[...alerts.history].reverse().map((alert) => html`<li>${new Date(1000 * alert.time).toLocaleString()} <b>${alert.name}</b> ${t(alert.state)} ${alert.value?.toFixed?.(2)}</li>`)}</ul></section>` : null}`;
}

const ms = (value) => `${value < 10 ? value.toFixed(2) : Math.round(value)} ms`;

/** The samples of the last hour: asked for once, then only what is new. */
function useHistory() {
  const [history, setHistory] = useState({ names: /** @type {string[]} */ ([]), samples: /** @type {number[][]} */ ([]) });
  const held = useRef(history);
  useEffect(() => {
    let alive = true;
    const look = async () => {
      if (document.hidden) return;
      const newest = held.current.samples.at(-2)?.[0] ?? 0;
      const fresh = await ask(`/api/history?after=${newest}`).catch(() => null);
      if (!alive || !fresh) return;
      const samples = [...held.current.samples.filter(([at]) => at <= newest), ...fresh.samples].slice(-600);
      held.current = { names: fresh.names, samples };
      setHistory(held.current);
    };
    look();
    const timer = setInterval(look, 4000);
    return () => {
      alive = false;
      clearInterval(timer);
    };
  }, []);
  return history;
}

function Charts() {
  const history = useHistory();
  const span = (history.samples.at(-1)?.[0] ?? 0) - (history.samples[0]?.[0] ?? 0);
  return html`<section class="card"><h2>${t("The last hour")} <span class="faint">${span ? duration(1000 * span) : t("it begins now")}</span></h2>
    <div class="charts">${CHARTS.map((chart) => html`<${Chart} key=${chart.title} chart=${chart} history=${history} />`)}</div></section>`;
}

function Chart({ chart, history }) {
  const place = useRef(null);
  const plot = useRef(null);
  const { title, names, scale = 1, unit } = chart;
  const data = useMemo(() => {
    const columns = names.map((name) => history.names.indexOf(name) + 1);
    const values = columns.map((column) =>
      history.samples.map((sample) =>
        column && sample[column] !== null && sample[column] !== undefined ? sample[column] * scale : null,
      ),
    );
    return [history.samples.map(([at]) => at), ...values];
  }, [history]);
  useEffect(() => {
    const style = getComputedStyle(document.documentElement);
    const [text, line, accent, warn] = ["--faint", "--line", "--accent", "--warn"].map((name) => style.getPropertyValue(name));
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line } };
    const series = names.map((name, index) => ({ label: name, stroke: index ? warn : accent, width: 2, spanGaps: false }));
    const size = () => ({ width: Math.max(200, place.current.clientWidth), height: 150 });
    plot.current = new uPlot(
      {
        ...size(),
        legend: { show: false },
        cursor: { y: false },
        // The first sample alone has no width: a minute is what it begins with.
        scales: { x: { range: (_, from, to) => [Math.min(from ?? 0, (to ?? 0) - 60), to ?? 60] }, y: { range: (_, low, high) => [0, Math.max(high ?? 0, 1) * 1.1] } },
        series: [{}, ...series],
        axes: [axis, { ...axis, size: 48 }],
      },
      data,
      place.current,
    );
    const watch = new ResizeObserver(() => plot.current.setSize(size()));
    watch.observe(place.current);
    return () => {
      watch.disconnect();
      plot.current.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  const now = names
    .map((name, index) => `${names.length > 1 ? `${name} ` : ""}${(data[index + 1].at(-1) ?? 0).toFixed(1)}`)
    .join(", ");
  return html`<figure class="chart" style=${{ margin: 0 }}><figcaption>${t(title)} <b>${now} ${unit}</b></figcaption><div ref=${place} aria-hidden="true"></div></figure>`;
}

function Log() {
  const [lines, setLines] = useState(/** @type {any[]} */ ([]));
  const [filter, setFilter] = useState("");
  const [level, setLevel] = useState("info");
  useEffect(() => {
    /** @type {any[]} */
    let held = [];
    let alive = true;
    const look = async () => {
      if (document.hidden) return;
      const fresh = await ask(`/api/log?after=${held.at(-1)?.number ?? 0}`).catch(() => null);
      if (!alive || !fresh?.lines.length) return;
      held = [...held, ...fresh.lines].slice(-1000);
      setLines(held);
    };
    look();
    const timer = setInterval(look, 2000);
    return () => {
      alive = false;
      clearInterval(timer);
    };
  }, []);
  const shown = useMemo(() => {
    const words = filter.toLowerCase();
    return lines
      .filter((line) => (level === "info" || line.level !== "info") && JSON.stringify(line).toLowerCase().includes(words))
      .slice(-200)
      .reverse();
  }, [lines, filter, level]);
  return html`<section class="card">
    <div class="row"><h2 class="grow">${t("Log of the host")}</h2>
      <label>${t("Level")} <select value=${level} onChange=${(event) => setLevel(event.target.value)}><option value="info">${t("all")}</option><option value="warning">${t("warnings and errors")}</option></select></label>
      <label><span class="visually-hidden">${t("Filter")}</span><input type="search" placeholder=${t("Filter")} value=${filter} onInput=${(event) => setFilter(event.target.value)} /></label></div>
    <ul class="log" tabindex="0" aria-label=${t("Log of the host")}>${shown.map(
      (line) =>
        html`<li key=${line.number}><span class="faint">${new Date(1000 * line.time).toLocaleTimeString()}</span> <b class=${line.level === "info" ? "" : line.level === "warning" ? "warn" : "bad"}>${line.event}</b> ${Object.entries(
          line.fields,
        )
          .map(([name, value]) => `${name}=${value}`)
          .join(" ")}</li>`,
    )}</ul>
  </section>`;
}

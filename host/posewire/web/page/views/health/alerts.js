/** The host's alerts: what each means, and what helps. */

import { html } from "/vendor/htm-preact.js";
import { dayAndTime, momentTime, t } from "../../text.js";
import { rounded } from "./rounded.js";

/**
 * By the name in the configuration, section `[alerts]`: in words, its unit (`scale` leads to it), and what helps.
 * @type {Record<string, {title: () => string, unit: string, scale?: number, advice: () => string}>}
 */
const ALERTS = {
  latency_ms: {
    title: () => t("Delay of messages"),
    unit: "ms",
    advice: () => t("Messages take long to pass through. Fewer poses or subscribers, or a faster machine; the log says what is slow."),
  },
  loop_lag_ms: {
    title: () => t("Lag of the event loop"),
    unit: "ms",
    advice: () => t("Something holds the host up: a plug-in, a tool, or a machine that is too busy."),
  },
  loss: {
    title: () => t("Frames that members miss"),
    unit: "%",
    scale: 100,
    advice: () => t("Members miss frames because their networks are too slow. Lower the senders' rate, or subscribe to less."),
  },
  cpu: {
    title: () => t("Processor"),
    unit: "%",
    scale: 100,
    advice: () => t("The processor is busy all the time. Move the speech engines to another machine, or send fewer poses."),
  },
  memory_growth_mb: {
    title: () => t("Growth of memory"),
    unit: "MB",
    advice: () => t("Memory grows fast: many newcomers, or large rooms. [server] max_memory_mb sets a limit."),
  },
  memory_leak_mb: {
    title: () => t("Growth of memory in an hour"),
    unit: "MB",
    advice: () => t("Memory has grown for an hour. Please report it with the log."),
  },
  send_failures: {
    title: () => t("Failures to send"),
    unit: "/s",
    advice: () => t("Many connections are congested, or there are internal errors: look into the log."),
  },
  min_frame_rate: {
    title: () => t("Poses a second"),
    unit: "",
    advice: () => t("A publisher sends fewer poses than wanted: look at its signal and its light."),
  },
};

/** @typedef {{name: string, value?: number, threshold: number}} Alert */

/** @typedef {Alert & {time: number, state: string}} Change */

/** @param {{alerts: Alert[], history: Change[]}} props `history`: oldest first */
export const ActiveAlerts = ({ alerts, history }) =>
  alerts.length
    ? alerts.map((alert) => html`<${ActiveAlert} key=${alert.name} alert=${alert} began=${history.findLast(({ name, state }) => name === alert.name && state === "firing")} />`)
    : html`<p class="state good">${t("No alert is on.")}</p>`;

/**
 * What an alert means is read aloud once; its value, which may be back inside the threshold for a moment, is not.
 * @param {{alert: Alert, began: Change | undefined}} props
 */
const ActiveAlert = ({ alert, began }) => html`<div class="note bad stack">
  <p role="alert"><b>${title(alert)}.</b> ${ALERTS[alert.name]?.advice()}</p>
  <p class="faint">${began && t("Since {time}, with {value}.", { time: momentTime(began.time), value: amount(alert, began.value) })} ${t("Now {value}; the threshold is {threshold}.", { value: amount(alert, alert.value), threshold: amount(alert, alert.threshold) })}</p>
</div>`;

/** @param {{alerts: Change[]}} props oldest first */
export const PastAlerts = ({ alerts }) => html`<section class="card"><h2>${t("Past alerts")}</h2>
  <ul class="log" tabindex="0">${[...alerts].reverse().map((alert) => html`<li>${dayAndTime(alert.time)} <b>${title(alert)}</b> ${t(alert.state)} ${amount(alert, alert.value)}</li>`)}</ul></section>`;

/** @param {Alert} alert */
const title = ({ name }) => ALERTS[name]?.title() ?? name;

/** @param {Alert} alert @param {number | undefined} value */
function amount({ name }, value) {
  const { scale = 1, unit = "" } = ALERTS[name] ?? {};
  return typeof value === "number" ? `${rounded(value * scale)} ${unit}` : "";
}

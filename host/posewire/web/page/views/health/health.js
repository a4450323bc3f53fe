/** How the host is: its alerts, an hour of charts, its log and its configuration. */

import { html } from "/vendor/htm-preact.js";
import { usePolled } from "../../api.js";
import { Facts, Trouble } from "../../parts.js";
import { t } from "../../text.js";
import { ActiveAlerts, PastAlerts } from "./alerts.js";
import { Charts } from "./charts.js";
import { Configuration } from "./configuration.js";
import { Log } from "./log.js";
import { rounded } from "./rounded.js";

const NUMBERS_MS = 2000;
const ALERTS_MS = 4000;

/** @param {Page.ViewProps} props */
export function Health({ may, session }) {
  const { value: numbers, error } = usePolled("/api/statistics", NUMBERS_MS);
  const { value: alerts } = usePolled("/alerts", ALERTS_MS);
  return html`
    <section class="card">
      <h1>${t("Health")}</h1>
      <${Trouble} error=${error} />
      ${alerts && html`<${ActiveAlerts} alerts=${alerts.active} history=${alerts.history} />`}
      ${
        numbers &&
        html`<${Facts} facts=${[
          [t("Connections"), numbers.open],
          [t("Rooms"), numbers.room_count],
          [t("Delay of messages"), shares(numbers.message_ms)],
          [t("Lag of the event loop"), shares(numbers.loop_lag_ms)],
        ]} />`
      }
    </section>
    ${may("operator.read") && html`<${Charts} />`}
    ${may("operator.act") && html`<${Log} />`}
    ${may("server.config") && html`<${Configuration} start=${session.command.start} />`}
    ${alerts?.history.length > 0 && html`<${PastAlerts} alerts=${alerts.history} />`}`;
}

/** Milliseconds of which half, and nearly all, are below. @param {{p50: number, p99: number}} times */
const shares = ({ p50, p99 }) => t("{p50} ms; 99 of 100 below {p99} ms", { p50: rounded(p50), p99: rounded(p99) });

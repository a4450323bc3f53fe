/** How a device is. */

import { html } from "/vendor/htm-preact.js";
import { t } from "../../text.js";

/** What is wrong with a device, in a word; empty where nothing is. @param {Host.Device} device */
export function trouble({ session, report, pairing }) {
  if (!session) return pairing?.revoked ? t("revoked") : t("away");
  if (report?.crash) return t("has crashed");
  if (report?.left_out) return t("parts left out");
  if (report?.rssi !== undefined && report.rssi < -80) return t("weak signal");
  if (report?.battery !== undefined && report.battery < 15) return t("battery low");
  return "";
}

/** How a device is, in a word and a colour. @param {{device: Host.Device}} props */
export function State({ device }) {
  const wrong = trouble(device);
  const { session } = device;
  const level = !session ? "faint" : wrong ? "warn" : "good";
  return html`<span class=${`state ${level}`}>${wrong || (session?.voice && session.voice !== "idle" ? t(session.voice) : t("there"))}</span>`;
}

/** Milliseconds to the device and back: as it measures itself, or of the connection, by the host's kernel; or null. @param {Host.Device} device */
export const roundTrip = ({ report, session }) => report?.round_trip_ms ?? session?.rtt_ms ?? null;

/** Milliseconds since the board has started, counted on from its last report; null where it is away, or says nothing. @param {Host.Device} device */
export const uptimeMs = ({ report, session }) =>
  session && report?.uptime_ms !== undefined ? report.uptime_ms + 1000 * report.age_s : null;

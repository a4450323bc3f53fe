/** How a device is. */

import { html } from "/vendor/htm-preact.js";
import { momentTime, t } from "../../text.js";

/** A board that was lost so long ago may have been put away: it is trouble no longer. */
const LOST_SECONDS = 3600;

/** What is wrong with a device, in a word; empty where nothing is. @param {Host.Device} device */
export function trouble({ session, report, pairing, lost }) {
  if (!session) return lost && !pairing?.revoked && Date.now() / 1000 - lost < LOST_SECONDS ? t("lost at {time}", { time: momentTime(lost) }) : "";
  if (report?.crash) return t("has crashed");
  if (report?.left_out) return t("parts left out");
  if (report?.rssi !== undefined && report.rssi < -80) return t("weak signal");
  if (report?.battery !== undefined && report.battery < 15) return t("battery low");
  return "";
}

/** How a device is, in a word and a colour. @param {{device: Host.Device}} props */
export function State({ device }) {
  const wrong = trouble(device);
  const level = wrong ? "warn" : device.session ? "good" : "faint";
  return html`<span class=${`state ${level}`}>${wrong || presence(device)}</span>`;
}

/** Where a device is with which nothing is wrong. @param {Host.Device} device */
function presence({ session, pairing, lost }) {
  if (session) return session.voice && session.voice !== "idle" ? t(session.voice) : t("there");
  if (pairing?.revoked) return t("revoked");
  return lost ? t("away since {time}", { time: momentTime(lost) }) : t("away");
}

/** Milliseconds to the device and back: as it measures itself, or of the connection, by the host's kernel; or null. @param {Host.Device} device */
export const roundTrip = ({ report, session }) => report?.round_trip_ms ?? session?.rtt_ms ?? null;

/** Milliseconds since the board has started, counted on from its last report; null where it is away, or says nothing. @param {Host.Device} device */
export const uptimeMs = ({ report, session }) =>
  session && report?.uptime_ms !== undefined ? report.uptime_ms + 1000 * report.age_s : null;

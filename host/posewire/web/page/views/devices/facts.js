/** What is known of a device, for people. */

import { duration, kilobytes } from "../../parts.js";
import { dayAndTime, t } from "../../text.js";
import { roundTrip, uptimeMs } from "./state.js";

/** @type {(device: Host.Device) => [string, unknown][]} */
export function factsOf(device) {
  const { session, report, pairing, lost } = device;
  const trip = roundTrip(device);
  const up = uptimeMs(device);
  return [
    [t("Device id"), device.device],
    [t("Connection lost"), lost && dayAndTime(lost)],
    [t("Session"), session?.id],
    [t("Board"), session?.board],
    [t("Firmware"), session?.firmware],
    [t("Room"), session?.room],
    [t("Round trip"), trip !== null ? `${trip.toFixed(1)} ms` : null],
    [t("Tools"), session?.tools],
    [t("Network"), report?.ssid],
    [t("Signal"), report?.rssi !== undefined ? `${report.rssi} dBm` : null],
    [
      t("Free memory"),
      report?.heap_free !== undefined
        ? `${kilobytes(report.heap_free)}${report.heap_free_min !== undefined ? ` (${t("least so far: {size}", { size: kilobytes(report.heap_free_min) })})` : ""}`
        : null,
    ],
    [
      t("Memory of the chip"),
      report?.idf_free !== undefined ? `${kilobytes(report.idf_free)} (${t("in one piece: {size}", { size: kilobytes(report.idf_largest ?? 0) })})` : null,
    ],
    [t("Battery"), report?.battery !== undefined ? `${report.battery} %` : null],
    [t("Up for"), up !== null ? duration(up) : null],
    [t("Started by"), report?.reset_cause && t(report.reset_cause)],
    [t("Connections lost"), report?.reconnects],
    [t("Audio dropped"), report?.audio_dropped],
    [t("Poses dropped"), report?.pose_dropped],
    [t("Parts left out"), report?.left_out],
    [t("Paired"), pairing ? dayAndTime(pairing.paired) : null],
    [t("May"), pairing?.scopes.join(" ")],
  ];
}

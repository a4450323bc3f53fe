/** What is known of a device, for people. */

import { duration } from "../../parts.js";
import { dayAndTime, t } from "../../text.js";
import { roundTrip, uptimeMs } from "./state.js";

/** @type {(device: Host.Device) => [string, unknown][]} */
export function factsOf(device) {
  const { session, report, pairing } = device;
  const trip = roundTrip(device);
  const up = uptimeMs(device);
  return [
    [t("Device id"), device.device],
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
        ? `${report.heap_free} B${report.heap_free_min !== undefined ? `, ${t("at least")} ${report.heap_free_min} B` : ""}`
        : null,
    ],
    [
      t("Memory of the chip"),
      report?.idf_free !== undefined ? `${report.idf_free} B, ${t("in one piece")} ${report.idf_largest} B` : null,
    ],
    [t("Battery"), report?.battery !== undefined ? `${report.battery} %` : null],
    [t("Up for"), up !== null ? duration(up) : null],
    [t("Started by"), report?.reset_cause],
    [t("Connections lost"), report?.reconnects],
    [t("Audio dropped"), report?.audio_dropped],
    [t("Poses dropped"), report?.pose_dropped],
    [t("Parts left out"), report?.left_out],
    [t("Paired"), pairing ? dayAndTime(pairing.paired) : null],
    [t("May"), pairing?.scopes.join(" ")],
  ];
}

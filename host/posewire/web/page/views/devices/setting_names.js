/** The settings of a board for people; their names in its config.json are the keys (boards/README.md). */

import { t } from "../../text.js";

/** @type {Record<string, () => string>} */
const NAMES = {
  "host.url": () => t("Address of its host"),
  "host.ca": () => t("Certificate that proves its host"),
  "host.silence": () => t("Silence of the host until it is asked for a sign of life"),
  "host.activation": () => t("Address where it asks for a pairing code"),
  ntp: () => t("Time server"),
  protocol: () => t("Frame protocol"),
  "audio.format": () => t("Format of its sound"),
  "audio.opus_bitrate": () => t("Bits a second of Opus"),
  "audio.volume": () => t("Volume"),
  "audio.gain": () => t("Gain of the microphone: each step doubles"),
  "audio.frame_ms": () => t("Milliseconds of sound in a frame"),
  "listen.start": () => t("What begins a turn"),
  "listen.mode": () => t("Whether it listens while the host speaks"),
  "pose.room": () => t("Room of its motion"),
  "pose.keypoints": () => t("Camera on the UART"),
  "pose.uart": () => t("Part on the UART"),
  "pose.uart_baud": () => t("Speed of the UART"),
  "pose.picture": () => t("Size of the camera's picture"),
  "pose.imu": () => t("Motion sensor"),
  "pose.imu_hz": () => t("Samples of the motion sensor a second"),
  "pose.bytes_per_second": () => t("Bytes a second for all poses (0: what the link takes)"),
  "pose.smooth": () => t("Smoothing of landmarks"),
  "pose.smooth_beta": () => t("How little fast motion is smoothed"),
  "pose.receive": () => t("Landmarks that it follows"),
  "pose.from": () => t("Device that it follows"),
  "pose.hold_ms": () => t("Milliseconds after which a pose is held"),
  "pose.relax_ms": () => t("Milliseconds after which a pose is lost"),
  "watchdog.enabled": () => t("Restart where it hangs"),
  "watchdog.seconds": () => t("Seconds until it counts as hanging"),
};

/** What a setting is; a board of another version may have some that are not known here. @param {string} name */
export const nameOf = (name) => NAMES[name]?.() ?? "";

/** Improv Wi-Fi over a serial port: a board gets its network and its host (docs/provisioning.md). */

import { t } from "../text.js";
import { Line, SerialError } from "./line.js";

const HEADER = new TextEncoder().encode("IMPROV");
const CURRENT_STATE = 1;
const ERROR_STATE = 2;
const RPC_COMMAND = 3;
const RPC_RESULT = 4;
const COMMAND = { wifi: 1, state: 2, info: 3, scan: 4, host: 0xf0, identify: 0xf1 };
const ANSWER_MS = 3_000;
const SCAN_MS = 20_000;
const JOIN_MS = 45_000;

/** One conversation with the firmware that runs on a board. All of it throws SerialError. */
export class Improv {
  #bytes = /** @type {number[]} */ ([]);

  /** @param {Line} line */
  constructor(line) {
    this.line = line;
  }

  /** Ask until the board answers, as it may still be starting. */
  async connect(withinMs = 40_000) {
    const end = performance.now() + withinMs;
    while (performance.now() < end) {
      await this.#send(COMMAND.state);
      const until = performance.now() + 1000;
      for (let packet = await this.#packet(until); packet; packet = await this.#packet(until))
        if (packet.kind === CURRENT_STATE) {
          // The answers to the repeated questions, too.
          while (await this.#packet(performance.now() + 200));
          return;
        }
    }
    throw new SerialError(t("The board's firmware does not answer on this port: press its RESET, and try again."));
  }

  /** What the board says of itself: firmware, version, chip, name. */
  async info() {
    await this.#send(COMMAND.info);
    const [firmware, version, hardware, name] = await this.#result(COMMAND.info, ANSWER_MS);
    return { firmware, version, hardware, name };
  }

  /**
   * The networks that the board hears, strongest first.
   * @returns {Promise<{ssid: string, rssi: number, secured: boolean}[]>}
   */
  async scan() {
    await this.#send(COMMAND.scan);
    const end = performance.now() + SCAN_MS;
    const found = new Map();
    for (;;) {
      const strings = await this.#result(COMMAND.scan, end - performance.now());
      if (!strings.length) return [...found.values()].sort((a, b) => b.rssi - a.rssi);
      const [ssid, rssi, secured] = strings;
      if (!(found.get(ssid)?.rssi >= Number(rssi))) found.set(ssid, { ssid, rssi: Number(rssi), secured: secured !== "NO" });
    }
  }

  /**
   * Give the board its host; empty texts stay as they are. Returns the address that it uses now.
   * @param {string} url
   * @param {string} token
   */
  async setHost(url, token) {
    await this.#send(COMMAND.host, strings(url, token));
    return (await this.#result(COMMAND.host, ANSWER_MS))[0] ?? "";
  }

  /**
   * Give the board a network, and wait until it has joined it.
   * @param {string} ssid
   * @param {string} password
   */
  async setWifi(ssid, password) {
    await this.#send(COMMAND.wifi, strings(ssid, password));
    await this.#result(COMMAND.wifi, JOIN_MS);
  }

  /**
   * @param {number} command
   * @param {number[]} [data]
   */
  async #send(command, data = []) {
    if (data.length > 253) throw new SerialError(t("The texts are too long for the board."));
    const body = [...HEADER, 1, RPC_COMMAND, data.length + 2, command, data.length, ...data];
    // The line feed ends whatever stood on the line before: a packet is at the start of one.
    await this.line.write(Uint8Array.of(10, ...body, sum(body), 10));
  }

  /**
   * @param {number} command
   * @param {number} withinMs
   * @returns {Promise<string[]>}
   */
  async #result(command, withinMs) {
    const end = performance.now() + withinMs;
    for (let packet = await this.#packet(end); packet; packet = await this.#packet(end)) {
      if (packet.kind === ERROR_STATE && packet.data[0]) throw new SerialError(why(packet.data[0]));
      if (packet.kind === RPC_RESULT && packet.data[0] === command) return texts(packet.data.slice(2));
    }
    throw new SerialError(t("The board does not answer."));
  }

  /** The next packet; null where none comes in time. @param {number} end */
  async #packet(end) {
    for (;;) {
      const packet = this.#whole();
      if (packet) return packet;
      const left = end - performance.now();
      if (left <= 0) return null;
      this.#bytes.push(...(await this.line.read(left)));
    }
  }

  #whole() {
    const bytes = this.#bytes;
    for (;;) {
      const at = bytes.findIndex((_, index) => HEADER.every((byte, i) => index + i >= bytes.length || bytes[index + i] === byte));
      // What the board prints besides is not looked at.
      bytes.splice(0, at < 0 ? bytes.length : at);
      const size = 9 + bytes[8] + 1;
      if (bytes.length < 9 || bytes.length < size) return null;
      if (bytes[6] === 1 && sum(bytes.slice(0, size - 1)) === bytes[size - 1]) {
        const packet = { kind: bytes[7], data: bytes.slice(9, size - 1) };
        bytes.splice(0, size);
        return packet;
      }
      bytes.splice(0, HEADER.length);
    }
  }
}

/** @param {number[]} bytes */
const sum = (bytes) => bytes.reduce((total, byte) => (total + byte) & 0xff, 0);

/** @param {string[]} values */
const strings = (...values) =>
  values.flatMap((value) => {
    const bytes = new TextEncoder().encode(value);
    return [bytes.length, ...bytes];
  });

/** @param {number[]} data */
function texts(data) {
  const found = [];
  for (let at = 0; at < data.length; at += 1 + data[at])
    found.push(new TextDecoder().decode(Uint8Array.from(data.slice(at + 1, at + 1 + data[at]))));
  return found;
}

/** @param {number} code */
function why(code) {
  if (code === 3) return t("The board could not join the network: is the password right, is it on 2.4 GHz?");
  if (code === 2) return t("The board's firmware does not know this command.");
  return t("The board failed ({code}).", { code });
}

/** A serial port of the person's computer (Web Serial), as bytes that are waited for. */

import { t } from "../text.js";

/**
 * What is used of Web Serial's SerialPort.
 * @typedef {object} Port
 * @property {(options: {baudRate: number, bufferSize?: number}) => Promise<void>} open
 * @property {() => Promise<void>} close
 * @property {() => {usbVendorId?: number, usbProductId?: number}} getInfo
 * @property {ReadableStream<Uint8Array> | null} readable
 * @property {WritableStream<Uint8Array> | null} writable
 */

/** @type {{requestPort: () => Promise<Port>, getPorts: () => Promise<Port[]>} | undefined} */
export const serial = /** @type {any} */ (navigator).serial;

const BAUD = 115_200;
const AGAIN_MS = 300;

/** The port, or what is at its other end, does not do what is wanted; the message says what the person can do. */
export class SerialError extends Error {}

/** An open port. */
export class Line {
  /** @type {Uint8Array[]} */
  #came = [];
  /** @type {(() => void) | null} */
  #wake = null;
  #over = false;

  /** @param {Port} port that is open */
  constructor(port) {
    this.port = port;
    this.reader = /** @type {ReadableStream<Uint8Array>} */ (port.readable).getReader();
    this.writer = /** @type {WritableStream<Uint8Array>} */ (port.writable).getWriter();
    this.#take();
  }

  /**
   * Open a port; a board that has its own USB is away for a moment after it has been restarted.
   * @param {Port} wanted
   * @param {number} withinMs
   */
  static async open(wanted, withinMs = 5_000) {
    const end = performance.now() + withinMs;
    for (;;) {
      for (const port of [wanted, ...(await alike(wanted))]) {
        try {
          await port.open({ baudRate: BAUD, bufferSize: 16_384 });
          return new Line(port);
        } catch (error) {
          if (performance.now() > end)
            throw new SerialError(
              t("The port does not open: has another program (a monitor, an editor) it open? {error}", { error: String(error) }),
            );
        }
      }
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }

  async #take() {
    try {
      for (;;) {
        const { value, done } = await this.reader.read();
        if (done) break;
        this.#came.push(value);
        this.#wake?.();
      }
    } catch {
      // Unplugged, or restarted: who waits is told.
    }
    this.#over = true;
    this.#wake?.();
  }

  /** @param {Uint8Array | string} data */
  async write(data) {
    await this.writer.write(typeof data === "string" ? new TextEncoder().encode(data) : data);
  }

  /**
   * Return the bytes that have come, or that come next; empty where none does in time.
   * @param {number} withinMs
   * @returns {Promise<Uint8Array>}
   */
  async read(withinMs) {
    if (!this.#came.length && !this.#over)
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, withinMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve(undefined);
        };
      });
    this.#wake = null;
    if (!this.#came.length && this.#over) throw new SerialError(t("The board has gone from the port: is its cable in?"));
    return join(this.#came.splice(0));
  }

  /**
   * Return the text up to a mark, and the mark; what follows it stays for the next one.
   * @param {string} mark
   * @param {number} withinMs
   */
  async readUntil(mark, withinMs) {
    const end = performance.now() + withinMs;
    const wanted = new TextEncoder().encode(mark);
    let got = new Uint8Array(0);
    for (;;) {
      const at = find(got, wanted);
      if (at >= 0) {
        this.putBack(got.subarray(at + wanted.length));
        return new TextDecoder().decode(got.subarray(0, at + wanted.length));
      }
      const left = end - performance.now();
      if (left <= 0) {
        this.putBack(got);
        throw new SerialError(t("The board does not answer."));
      }
      got = join([got, await this.read(left)]);
    }
  }

  /**
   * Return so many bytes.
   * @param {number} count
   * @param {number} withinMs
   */
  async readBytes(count, withinMs) {
    const end = performance.now() + withinMs;
    let got = new Uint8Array(0);
    while (got.length < count) {
      const left = end - performance.now();
      if (left <= 0) throw new SerialError(t("The board does not answer."));
      got = join([got, await this.read(left)]);
    }
    this.putBack(got.subarray(count));
    return got.subarray(0, count);
  }

  /** Whether something has come that nobody has read. */
  get waiting() {
    return this.#came.length > 0;
  }

  /** @param {Uint8Array} rest */
  putBack(rest) {
    if (rest.length) this.#came.unshift(rest);
  }

  /** Forget what has come. */
  clear() {
    this.#came = [];
  }

  async close() {
    await this.reader.cancel().catch(() => {});
    this.reader.releaseLock();
    await this.writer.abort().catch(() => {});
    this.writer.releaseLock();
    await this.port.close().catch(() => {});
  }
}

/**
 * The ports that the person has chosen before and that could be the same board.
 * @param {Port} wanted
 */
async function alike(wanted) {
  const { usbVendorId, usbProductId } = wanted.getInfo();
  const ports = (await serial?.getPorts()) ?? [];
  return ports.filter((port) => {
    const info = port.getInfo();
    return port !== wanted && usbVendorId && info.usbVendorId === usbVendorId && info.usbProductId === usbProductId;
  });
}

/** @param {Uint8Array[]} pieces */
function join(pieces) {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}

/**
 * @param {Uint8Array} bytes
 * @param {Uint8Array} wanted
 */
function find(bytes, wanted) {
  for (let at = bytes.indexOf(wanted[0]); at >= 0; at = bytes.indexOf(wanted[0], at + 1))
    if (wanted.every((byte, index) => bytes[at + index] === byte)) return at;
  return -1;
}

/** MicroPython's raw REPL: programs and files for a board (https://docs.micropython.org/en/latest/reference/repl.html). */

import { t } from "../text.js";
import { Line, SerialError } from "./line.js";

/** Each attempt may take longer: a large file system is slow to start. */
const ENTER_MS = [10_000, 10_000, 30_000];
/** A flash that is nearly full collects its garbage now and then. */
const FLASH_MS = 90_000;
const ANSWER_MS = 10_000;
/** Characters of base64 in one program: whole groups of four. */
const PIECE = 1368;
const PROMPT = "raw REPL; CTRL-B to exit\r\n";

/** A program on the board has failed, with its last line. */
export class BoardError extends SerialError {}

export class Repl {
  /** @param {Line} line */
  constructor(line) {
    this.line = line;
  }

  /** Interrupt what runs, and start MicroPython anew without its main.py. Throws SerialError. */
  async enter() {
    for (const ms of ENTER_MS) {
      try {
        this.line.clear();
        await this.line.write("\r\x03\x03");
        await this.line.write("\r\x01");
        await this.line.readUntil(`${PROMPT}>`, ms / 2);
        await this.line.write("\x04");
        await this.line.readUntil("soft reboot\r\n", ms);
        await this.line.readUntil(`${PROMPT}>`, ms);
        return;
      } catch (error) {
        if (!(error instanceof SerialError)) throw error;
      }
    }
    throw new SerialError(
      t("The board does not give its REPL. Has it MicroPython? Press its RESET and try again; hold its button while it starts."),
    );
  }

  /**
   * Run a program; returns what it prints. Throws BoardError where it fails.
   * @param {string} code
   * @param {number} withinMs
   */
  async run(code, withinMs = 30_000) {
    await this.#paste(new TextEncoder().encode(code));
    const printed = await this.line.readUntil("\x04", withinMs);
    const failed = await this.line.readUntil("\x04", withinMs);
    await this.line.readUntil(">", ANSWER_MS);
    if (failed.length > 1) throw new BoardError(told(failed.slice(0, -1)));
    return printed.slice(0, -1);
  }

  /** Send a program as fast as the board takes it (raw paste mode). @param {Uint8Array} code */
  async #paste(code) {
    await this.line.write("\x05A\x01");
    const [r, supported, low, high] = await this.line.readBytes(4, ANSWER_MS);
    if (r !== 0x52 || supported !== 1) throw new SerialError(t("This MicroPython is too old."));
    const step = low + 256 * high;
    let window = step;
    let at = 0;
    while (at < code.length) {
      while (window === 0 || this.line.waiting) {
        const [answer] = await this.line.readBytes(1, FLASH_MS);
        if (answer === 1) window += step;
        else {
          // The board has had enough: its error follows.
          await this.line.write("\x04");
          return;
        }
      }
      const piece = code.subarray(at, at + window);
      await this.line.write(piece);
      at += piece.length;
      window -= piece.length;
    }
    await this.line.write("\x04");
    await this.line.readUntil("\x04", ANSWER_MS);
  }

  /**
   * Write a file.
   * @param {string} path
   * @param {string} base64 its content
   * @param {(bytes: number) => void} onProgress bytes of it that are written
   */
  async write(path, base64, onProgress) {
    let before = `from binascii import a2b_base64 as d\nf=open(${JSON.stringify(path)},'wb')\nw=f.write\n`;
    for (let at = 0; before || at < base64.length; at += PIECE) {
      const after = at + PIECE < base64.length ? "" : "\nf.close()";
      await this.run(`${before}w(d('${base64.slice(at, at + PIECE)}'))${after}`, FLASH_MS);
      before = "";
      onProgress(Math.floor((Math.min(at + PIECE, base64.length) * 3) / 4));
    }
  }

  /** Restart the board; it runs its main.py, and this REPL ends. */
  async reset() {
    await this.#paste(new TextEncoder().encode("import time, machine; time.sleep_ms(100); machine.reset()"));
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

/** @param {string} traceback */
function told(traceback) {
  const last = traceback.trim().split("\n").at(-1) ?? "";
  if (/ENOSPC|Errno 28|OSError: 28$/.test(last)) return t("The board's flash is full.");
  return t("The board says: {error}", { error: last.trim() });
}

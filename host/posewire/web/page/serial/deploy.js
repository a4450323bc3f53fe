/** The firmware and a board's definition, put on a board that has MicroPython: as `posewire deploy` does. */

import { ask } from "../api.js";
import { t } from "../text.js";
import { Line, SerialError } from "./line.js";
import { Repl } from "./repl.js";

/**
 * What the host answers: programs for the board around the files to write, and what all must hash to.
 * @typedef {object} Plan
 * @property {string} interpreter
 * @property {string} before
 * @property {{path: string, size: number, base64: string}[]} write
 * @property {string} after
 * @property {Record<string, string>} digests
 * @property {number} unchanged
 */

const LOOK_MS = 180_000;

/**
 * Write what the board lacks, put it in place at once, and check it; the host says what that is. Throws SerialError or a PosewireError.
 * @param {import("./line.js").Port} port
 * @param {{board: string, profile: string, look: string}} what `look`: the program that asks the board what it has
 * @param {(what: string, done: number, total: number) => void} onProgress
 * @returns {Promise<{interpreter: string, written: number, unchanged: number}>}
 */
export async function deploy(port, { board, profile, look }, onProgress) {
  const line = await Line.open(port);
  try {
    const repl = new Repl(line);
    onProgress(t("looking what is on it"), 0, 0);
    await repl.enter();
    const state = await repl.run(look, LOOK_MS);
    onProgress(t("compiling for it"), 0, 0);
    /** @type {Plan} */
    const plan = await ask(`/api/boards/${encodeURIComponent(board)}/files`, { body: { state, profile } });
    if (plan.write.length) {
      await repl.run(plan.before);
      const total = plan.write.reduce((sum, file) => sum + file.size, 0);
      let done = 0;
      for (const { path, size, base64 } of plan.write) {
        await repl.write(path, base64, (bytes) => onProgress(path.replace(/[.]new$/, ""), done + bytes, total));
        done += size;
      }
      onProgress(t("putting it in place"), done, total);
    }
    await repl.run(plan.after, LOOK_MS);
    const { files } = JSON.parse((await repl.run(look, LOOK_MS)).trim().split("\n").at(-1) ?? "");
    const wrong = Object.keys(plan.digests).filter((path) => files[path] !== plan.digests[path]);
    if (wrong.length)
      throw new SerialError(
        t("These files differ after writing: {files}. The flash may be worn out or full.", { files: wrong.join(", ") }),
      );
    await repl.reset();
    return { interpreter: plan.interpreter, written: plan.write.length, unchanged: plan.unchanged };
  } finally {
    await line.close();
  }
}

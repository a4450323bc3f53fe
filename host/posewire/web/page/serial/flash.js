/** MicroPython itself, written to the chip with Espressif's esptool-js: as `posewire flash` does. */

import { t } from "../text.js";
import { SerialError } from "./line.js";
import { md5 } from "./md5.js";

const ROM_BAUD = 115_200;
const MAGIC = 0xe9;
const CHIP_AT = 12;
const LEAST = 256 * 1024;

/**
 * Check that bytes are an image of MicroPython for a board's chip. Throws SerialError.
 * @param {Uint8Array} image
 * @param {{chip: string, chip_id: number, image: string}} board
 */
export function checkImage(image, board) {
  if (image[0] !== MAGIC || image.length < LEAST)
    throw new SerialError(t("This is no image of MicroPython: take {image} from micropython.org/download.", { image: board.image }));
  if (image[CHIP_AT] + 256 * image[CHIP_AT + 1] !== board.chip_id)
    throw new SerialError(
      t("This image is for another chip: {chip} needs {image}.", { chip: board.chip, image: board.image }),
    );
}

/**
 * Erase the chip, write an image, compare its hash, and start it. Throws SerialError.
 * @param {import("./line.js").Port} port
 * @param {Uint8Array} image that `checkImage` has seen
 * @param {{chip: string, offset: number}} board
 * @param {{baud?: number, onProgress: (what: string, done: number, total: number) => void}} options
 * @returns {Promise<string>} the chip that was found
 */
export async function flash(port, image, board, { baud = 460_800, onProgress }) {
  const { ESPLoader, Transport } = await import("/vendor/esptool.js");
  const transport = new Transport(port, false);
  const terminal = { clean: () => {}, write: () => {}, writeLine: () => {} };
  const loader = new ESPLoader({ transport, baudrate: baud, romBaudrate: ROM_BAUD, terminal });
  try {
    onProgress(t("looking for the chip"), 0, 0);
    const found = await loader.main();
    if (loader.chip.CHIP_NAME !== board.chip)
      throw new SerialError(
        t("The board has an {wanted}, but an {found} is on this port. Nothing was written.", {
          wanted: board.chip,
          found: loader.chip.CHIP_NAME,
        }),
      );
    onProgress(t("erasing: up to a minute"), 0, 0);
    await loader.writeFlash({
      fileArray: [{ data: image, address: board.offset }],
      flashMode: "keep",
      flashFreq: "keep",
      flashSize: "keep",
      eraseAll: true,
      compress: true,
      reportProgress: (/** @type {number} */ _, /** @type {number} */ written, /** @type {number} */ total) =>
        onProgress(t("writing"), written, total),
      calculateMD5Hash: md5,
    });
    await loader.after("hard_reset");
    return found;
  } catch (error) {
    throw error instanceof SerialError ? error : new SerialError(advice(error instanceof Error ? error.message : String(error)));
  } finally {
    await transport.disconnect().catch(() => {});
  }
}

/** @param {string} told */
function advice(told) {
  const error = told.replace(/[!.]+$/, "");
  if (/MD5|lost|corruption|stopped/i.test(error) && !/connect/i.test(error))
    return t("{error}. What was written is not what was sent: another cable, or a lower speed.", { error });
  return t("{error}. Hold BOOT, press RESET, let go of BOOT, and try again; a charging cable does not do.", { error });
}

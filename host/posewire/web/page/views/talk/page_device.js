/** This page as a device that talks: one for as long as the page is open, connected when somebody speaks or asks. */

import { HostConnection, OPUS, PCM, Voice, opusWorks, ownHost, uniqueName } from "/posewire/v1/client/posewire.js";

/** Its device id. */
export const PAGE = uniqueName("page");

/** @typedef {{host: HostConnection, voice: Voice}} PageDevice */

/** @type {Promise<PageDevice> | null} */
let made = null;

/**
 * Return it. Sound goes as Opus where the browser and the host have it, else as PCM.
 * @param {boolean} hostHasOpus
 */
export function pageDevice(hostHasOpus) {
  made ??= (async () => {
    const audio = hostHasOpus && (await opusWorks()) ? OPUS : PCM;
    const host = new HostConnection(ownHost(), { device: PAGE, audio });
    return { host, voice: new Voice(host) };
  })();
  return made;
}

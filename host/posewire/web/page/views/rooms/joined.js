/** Being in a room for as long as it is looked at. */

import { useEffect, useState } from "/vendor/htm-preact.js";
import { inWords } from "../../api.js";
import { t } from "../../text.js";

/** @typedef {import("/posewire/v1/client/posewire.js").HostConnection} HostConnection */
/** @typedef {import("/posewire/v1/client/posewire.js").Room} JoinedRoom */

const AGAIN_MS = 1000;
/** After each of these events the members are others. */
const CHANGES = ["welcome", "joined", "left", "away", "back", "role", "locked"];

/**
 * Be in a room, also when it was not there yet; returns the room, and why there is none.
 * @param {HostConnection} host
 * @param {string} name
 * @param {string} state of the connection
 */
export function useJoined(host, name, state) {
  const [room, setRoom] = useState(/** @type {JoinedRoom | null} */ (null));
  const [problem, setProblem] = useState("");
  const [, redraw] = useState(0);
  useEffect(() => {
    if (state !== "connected" || (room && room.closed === null)) return undefined;
    let current = true;
    let timer = 0;
    const join = async () => {
      try {
        const joined = await host.join(name, { create: false });
        if (!current) return;
        for (const event of CHANGES) joined.on(event, () => redraw((n) => n + 1));
        joined.on("closed", (reason) => {
          setProblem(reason);
          setRoom(null);
        });
        setProblem("");
        setRoom(joined);
      } catch (error) {
        if (!current) return;
        setProblem(error.code === "no_such_room" ? t("Nobody is in this room yet.") : inWords(error));
        timer = setTimeout(join, AGAIN_MS);
      }
    };
    join();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [host, name, state, room]);
  useEffect(() => () => void (room && room.closed === null && host.connected && room.leave().catch(() => {})), [room]);
  return { room, problem };
}

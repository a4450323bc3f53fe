/** A room closely: its poses in space, who is in it, what its owner and the host's people do with it. */

import { html, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../../api.js";
import { Check, Command, Outcome, Qr } from "../../parts.js";
import { dayAndTime, t } from "../../text.js";
import { HostRecord, Record } from "../recordings/record.js";
import { useJoined } from "./joined.js";
import { Members } from "./members.js";
import { Stage } from "./stage.js";

const LINK_HOURS = 24;
const ROOM_MS = 2000;

/**
 * `state`: of the connection; `linked`: links to the room can be made.
 * @param {{name: string, host: import("./joined.js").HostConnection, state: string, may: (need: string) => boolean,
 *   linked: boolean}} props
 */
export function Room({ name, host, state, may, linked }) {
  /** @type {Host.Room | null} */
  const described = usePolled(`/api/rooms/${encodeURIComponent(name)}`, ROOM_MS).value;
  const names = new Map(described?.members.map((member) => [member.device, member.name]));
  const nameOf = (/** @type {string} */ device) => names.get(device) || device;
  const { room, problem } = useJoined(host, name, state);
  const [trails, setTrails] = useState(true);
  const [together, setTogether] = useState(false);
  const [outcome, run] = useOutcome();
  const [link, setLink] = useState(/** @type {{address: string, until: string} | null} */ (null));
  const share = () =>
    run(async () => {
      const { token, expires } = await ask(`/api/rooms/${encodeURIComponent(name)}/links`, { body: { hours: LINK_HOURS } });
      setLink({ address: `${location.origin}/#link=${token}&room=${encodeURIComponent(name)}`, until: dayAndTime(expires) });
    });
  const whole = () => document.querySelector(".stage")?.requestFullscreen();
  return html`<section class="card" aria-label=${t("Room {name}", { name })}>
    <div class="row">
      <h1 class="grow">${name} ${room?.locked && html`<span class="warn">${t("locked")}</span>`}</h1>
      <${Check} label=${t("trails")} checked=${trails} onTick=${setTrails} />
      <${Check} label=${t("in one space")} checked=${together} onTick=${setTogether} />
      <${Record} room=${room} />
      ${may("operator.act") && html`<${HostRecord} name=${name} />`}
      ${document.fullscreenEnabled && html`<button onClick=${whole}>${t("Whole screen")}</button>`}
      ${linked && may("operator.act") && html`<button onClick=${share}>${t("Link to look")}</button>`}
    </div>
    <${Outcome} outcome=${outcome} />
    ${
      link &&
      html`<div class="note stack" role="status">
      <p>${t("Until {time}, who has this address sees the room:", { time: link.until })}</p>
      <${Command} text=${link.address} />
      <p class="row"><${Qr} text=${link.address} /><button onClick=${() => setLink(null)}>${t("Close")}</button></p>
    </div>`
    }
    <${Stage} room=${room} nameOf=${nameOf} options=${{ trails, together }} problem=${problem} />
    <h2>${t("Members")}</h2>
    <${Members} room=${room} nameOf=${nameOf} described=${described} run=${run} />
    ${room?.role === "owner" && html`<p><button onClick=${() => run(() => room.lock(!room.locked))}>${room.locked ? t("Unlock") : t("Lock")}</button></p>`}
  </section>`;
}

/** The rooms, one of them in space, and the recordings of rooms. */

import { html } from "/vendor/htm-preact.js";
import { usePolled } from "../../api.js";
import { useHost } from "../../live.js";
import { Form, Table, Trouble } from "../../parts.js";
import { t } from "../../text.js";
import { Recordings } from "../recordings/recordings.js";
import { Room } from "./room.js";

const ROOMS_MS = 2000;

/** @param {Page.ViewProps} props */
export function Rooms({ rest, may, session, looker }) {
  const { host, state } = useHost();
  const chosen = rest[0];
  const { value, error } = usePolled(may("operator.read") ? "/api/rooms" : null, ROOMS_MS);
  /** @type {Host.Room[] | undefined} */
  const rooms = value?.rooms;
  const shown =
    chosen &&
    host &&
    html`<${Room} key=${`${chosen} ${host.device}`} name=${chosen} host=${host} state=${state} may=${may} linked=${session.authentication} />`;
  return html`
    ${shown}
    ${!looker && html`<${List} rooms=${rooms} error=${error} chosen=${chosen} />`}
    <${Recordings} may=${may} />`;
}

/** @type {() => Page.Column<Host.Room>[]} */
const columns = () => [
  {
    name: t("Room"),
    of: ({ room }) => room,
    show: ({ room }) => html`<a href=${`#/rooms/${encodeURIComponent(room)}`}>${room}</a>`,
  },
  { name: t("Members"), number: true, of: ({ members }) => members.length },
  { name: t("Publishing"), number: true, of: ({ members }) => members.filter(({ publish }) => publish.length).length },
  {
    name: t("Poses a second"),
    number: true,
    of: ({ members }) => Math.round(members.reduce((sum, { rates }) => sum + (rates.pose?.fps ?? 0), 0)),
  },
  { name: t("Locked"), of: ({ locked }) => Number(locked), show: ({ locked }) => (locked ? t("locked") : "") },
];

/** @param {{rooms: Host.Room[] | undefined, error: import("/posewire/v1/client/posewire.js").PosewireError | null, chosen: string | undefined}} props */
function List({ rooms, error, chosen }) {
  const open = (/** @type {Page.Values} */ { room }) => (location.hash = `#/rooms/${encodeURIComponent(room)}`);
  const table = html`<${Table} label=${t("Rooms")} rows=${rooms} keyOf=${(/** @type {Host.Room} */ { room }) => room} selected=${chosen} columns=${columns()} />`;
  return html`<section class="card">
    <div class="row"><${chosen ? "h2" : "h1"} class="grow">${t("Rooms")}<//>
      <${Form} label=${t("Look")} button=${t("Look")} onSubmit=${open}><label>${t("Room")} <input name="room" required maxlength="64" size="12" /></label><//></div>
    <${Trouble} error=${error} />
    ${rooms && (rooms.length ? table : html`<p>${t("There is no room: the first member makes one.")}</p>`)}
  </section>`;
}

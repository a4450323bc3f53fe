/** Who is in a room, what they send and miss; its owner rules it here. */

import { html } from "/vendor/htm-preact.js";
import { Table } from "../../parts.js";
import { t } from "../../text.js";

/** @typedef {import("./joined.js").JoinedRoom} JoinedRoom */
/** @typedef {import("/posewire/v1/client/rooms/members.js").RoomMember & {known: Host.RoomMember | undefined}} Row */

/** @typedef {import("./stage.js").NameOf} NameOf */

/** @param {{room: JoinedRoom | null, nameOf: NameOf, described: Host.Room | null, run: Page.Run}} props */
export function Members({ room, nameOf, described, run }) {
  const rows = [...(room?.members.values() ?? [])].map((member) => ({
    ...member,
    known: described?.members.find((known) => known.member_id === member.memberId),
  }));
  return html`<${Table} label=${t("Members")} rows=${rows} keyOf=${(/** @type {Row} */ { memberId }) => memberId} columns=${room ? columns(room, nameOf, run) : []} />`;
}

/** @type {(room: JoinedRoom, nameOf: NameOf, run: Page.Run) => Page.Column<Row>[]} */
const columns = (room, nameOf, run) => [
  {
    name: t("Name"),
    of: ({ device, memberId }) => (memberId === room.memberId ? t("this page") : nameOf(device)),
    show: ({ device, memberId }) => (memberId === room.memberId ? t("this page") : html`<span title=${device}>${nameOf(device)}</span>`),
  },
  { name: t("Role"), of: ({ role }) => t(role) },
  { name: t("Publishes"), of: ({ publish }) => publish.map((kind) => t(kind)).join(", ") },
  { name: t("State"), of: ({ away }) => (away ? t("away") : t("there")) },
  { name: t("Sends a second"), number: true, of: ({ known }) => known?.rates.pose?.fps },
  { name: "kbit/s", number: true, of: ({ known }) => known?.rates.pose?.kbit_s },
  { name: t("Missed"), number: true, of: ({ known }) => known && known.dropped.pose + known.dropped.audio },
  { name: t("Number"), number: true, of: ({ memberId }) => memberId },
  ...(room.role === "owner" ? [ruling(room, nameOf, run)] : []),
];

/** @type {(room: JoinedRoom, nameOf: NameOf, run: Page.Run) => Page.Column<Row>} */
const ruling = (room, nameOf, run) => ({
  name: t("As the owner"),
  of: () => 0,
  show: ({ memberId, role, device }) =>
    memberId !== room.memberId &&
    html`<button aria-label=${t("Remove {name}", { name: nameOf(device) })} onClick=${() => run(() => room.kick(memberId))}>${t("Remove")}</button>
      ${role !== "watcher" && html`<button aria-label=${t("Make {name} the owner", { name: nameOf(device) })} onClick=${() => run(() => room.passOn(memberId))}>${t("Make owner")}</button>`}`,
});

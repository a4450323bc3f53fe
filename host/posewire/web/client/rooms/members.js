/** The members of a room, as the host describes them. */

/**
 * @typedef {object} RoomMember
 * @property {number} memberId
 * @property {string} device
 * @property {string} role `owner`, `member`, or `watcher`: of a link that lets people look only
 * @property {string[]} publish kinds: `pose`, `audio`
 * @property {boolean} away its connection is lost, its place is kept
 * @property {import("../audio/codec.js").AudioParams | null} audio the format of what it publishes
 */

/**
 * @param {Record<string, any>} described
 * @returns {RoomMember}
 */
const readMember = (described) => ({
  memberId: described.member_id,
  device: described.device,
  role: described.role ?? "member",
  publish: described.publish ?? [],
  away: Boolean(described.away),
  audio: described.audio ?? null,
});

/**
 * Bring the members of a room, by their ids, up to date with an event of the room.
 * @param {Map<number, RoomMember>} members
 * @param {Record<string, any>} event
 */
export function followMembers(members, event) {
  /** @param {Partial<RoomMember>} fields */
  const change = (fields) => {
    const member = members.get(event.member_id);
    if (member) members.set(event.member_id, { ...member, ...fields });
  };
  switch (event.event) {
    case "welcome":
      members.clear();
      for (const described of event.members) members.set(described.member_id, readMember(described));
      break;
    case "joined":
      members.set(event.member.member_id, readMember(event.member));
      break;
    case "left":
      members.delete(event.member_id);
      break;
    case "role":
      for (const [id, member] of members) {
        const others = member.role === "watcher" ? "watcher" : "member";
        members.set(id, { ...member, role: id === event.member_id ? "owner" : others });
      }
      break;
    case "away":
      change({ away: true });
      break;
    case "back":
      change({ away: false });
      if (event.audio) change({ audio: event.audio });
      break;
    case "kicked":
    case "closed":
      members.clear();
  }
}

/** A page's place in a room: who is there, its role, and what its members may do. */

import { ConfigError, WireError } from "../errors.js";
import { followMembers } from "./members.js";

/** @typedef {"pose" | "audio"} Kind */
/** @typedef {Kind | {kind: Kind, member_id?: number, device?: string}} Wanted a kind from everybody, or of one member */

export class Membership {
  memberId = 0;
  /** One's own: `owner`, `member` or `watcher`. */
  role = "";
  locked = false;
  /** The members by their ids, this page included; kept up to date. @type {Map<number, import("./members.js").RoomMember>} */
  members = new Map();
  isWelcome = false;
  /** Why this page is no longer in the room; null while it is. @type {string | null} */
  closed = null;

  /**
   * @param {import("../connection.js").HostConnection} host
   * @param {string} name
   * @param {Record<string, any>} request the fields of the request to join, for joining again
   */
  constructor(host, name, request) {
    this.host = host;
    this.name = name;
    this.request = request;
  }

  /**
   * Return the id of a member, named by its id or its device; null where it is not in the room.
   * @param {number | string} member
   */
  memberIdOf(member) {
    if (typeof member === "number") return this.members.has(member) ? member : null;
    for (const found of this.members.values()) if (found.device === member) return found.memberId;
    return null;
  }

  /**
   * Change what this page gets.
   * @param {readonly Wanted[]} wanted
   */
  async subscribe(wanted) {
    this.request.subscribe = wanted;
    await this.act("subscribe", { subscribe: wanted });
  }

  /** Close the room to newcomers, or open it again; only its owner may. */
  async lock(locked = true) {
    await this.act(locked ? "lock" : "unlock");
  }

  /**
   * Remove a member, named by its id or its device; only the owner may.
   * @param {number | string} member
   * @param {string} [reason]
   */
  async kick(member, reason = "") {
    await this.act("kick", { member_id: this.receiver(member), reason });
  }

  /**
   * Make another member the owner, named by its id or its device; only the owner may.
   * @param {number | string} member
   */
  async passOn(member) {
    await this.act("role", { member_id: this.receiver(member), role: "owner" });
  }

  /**
   * Ask for a member's last frames; they come as `replay` events (docs/rooms.md).
   * @param {number} memberId
   * @param {number} [frames]
   */
  async askReplay(memberId, frames = 100) {
    await this.act("replay", { member_id: memberId, frames });
  }

  /**
   * Take an event of this room.
   * @protected
   * @param {Record<string, any>} event
   */
  follow(event) {
    followMembers(this.members, event);
    if (event.event === "welcome") {
      this.memberId = event.member_id;
      this.isWelcome = true;
    }
    if (event.event === "welcome" || event.event === "locked") this.locked = event.locked;
    this.role = this.members.get(this.memberId)?.role ?? this.role;
  }

  /**
   * This page is no longer in the room; returns whether it was until now.
   * @protected
   * @param {string} reason
   */
  ends(reason) {
    if (this.closed !== null) return false;
    this.closed = reason;
    this.members.clear();
    return true;
  }

  /**
   * Ask the host for something in this room; throws WireError (`not_in_room`) where this page has left it: the
   * connection may be in another one by now.
   * @protected
   * @param {string} action
   * @param {object} [fields]
   */
  async act(action, fields = {}) {
    if (this.closed !== null)
      throw new WireError(`this page is no longer in the room "${this.name}": ${this.closed}`, "not_in_room");
    await this.host.request({ type: "room", action, ...fields });
  }

  /**
   * The id of a member, as the host wants it; an id is left to the host. Throws ConfigError for a device that is not here.
   * @protected
   * @param {number | string} member
   */
  receiver(member) {
    const memberId = typeof member === "string" ? this.memberIdOf(member) : member;
    if (memberId === null) throw new ConfigError(`nobody in the room "${this.name}" has the device id "${member}"`);
    return memberId;
  }
}

/** Decodes one stream of pose packets. */

import { PoseError } from "../errors.js";
import { HEADER, control, crc32, get32, getBlocks, getDescriptor } from "./bytes.js";
import { CUSTOM_ID, HAS_REFRESH, KEY, KIND_DELTA, MODE_INTRA, QUAT_ID, REPEAT, RESTART, SNAPSHOT } from "./constants.js";
import { SetCoder } from "./set_coder.js";
import { NAMED, sameSet } from "./sets.js";

/** Decodes one stream. `last` is the newest frame; while `needsKey`, send `keyRequest()` to the publisher. */
export class PoseDecoder {
  constructor({ stream = null } = {}) {
    this.stream = stream;
    this.last = null;
    this.needsKey = false;
    this.coders = new Map();
    this.references = [];
    this.sequence = null;
    this.arrived = null;
  }

  /** The frame in a packet (Uint8Array) or null; throws PoseError for what is damaged, late or not decodable. */
  decode(packet, nowMs = null) {
    if (packet.length < 4) throw new PoseError("too short");
    const kind = (packet[0] >> 2) & 7;
    if (packet[0] >> 5 !== 1 || HEADER[kind] === undefined) return null;
    if (packet.length < HEADER[kind] + 4) throw new PoseError("the packet ends within its header");
    if (this.stream !== null && packet[1] !== this.stream) return null;
    const h = { kind, layer: packet[0] & 3, stream: packet[1], sequence: (packet[2] << 8) | packet[3], size: HEADER[kind] };
    let state;
    if (kind === KIND_DELTA || kind === REPEAT) state = this.#delta(packet, h);
    else {
      const check = this.#verify(packet, 0);
      this.#refuseOld(h.sequence, kind === RESTART ? 0x8000 : 256);
      const time = get32(packet, 4);
      if (kind === KEY) state = { ...this.#blocks(packet, h, null, false), time, check };
      else if (kind === SNAPSHOT) state = { ...this.#snapshot(packet, h), time, check: get32(packet, 8) };
      else state = this.#restart(packet, h, time, check);
    }
    if (kind === KEY || kind === SNAPSHOT) {
      this.references = [state];
      this.needsKey = false;
    }
    const sets = [...state.sets.values()];
    if (sets.some((s) => s.known < s.spec.landmarks)) return null;
    this.sequence = h.sequence;
    this.needsKey = false;
    const values = {}, integers = {};
    for (const s of sets) {
      const { channels, bits, name } = s.spec;
      integers[name] = Int32Array.from(s.x);
      values[name] = new Float32Array(s.x.length);
      s.x.forEach((v, q) => {
        const there = s.valid[Math.floor(q / channels)];
        if (!there) integers[name][q] = 0;
        values[name][q] = there ? v * 2 ** (s.coarse - bits[q % channels]) : NaN;
      });
    }
    this.arrived = nowMs;
    this.last = { stream: h.stream, sequence: h.sequence, timeMs: state.time, values, integers, layer: h.layer, repeat: kind === REPEAT };
    return this.last;
  }

  /** How old the pose in `last` is, on the clock given to `decode`. */
  ageMs(nowMs) {
    return this.arrived === null ? null : nowMs - this.arrived;
  }

  keyRequest() {
    return control(1, this.stream ?? 0, this.sequence ?? 0);
  }

  ack() {
    return this.references.length ? control(2, this.stream ?? 0, this.references[this.references.length - 1].sequence) : null;
  }

  #verify(packet, seed) {
    const check = get32(packet, packet.length - 4);
    if (crc32(packet, 0, packet.length - 4, seed) !== check) throw new PoseError("damaged, or coded against another reference");
    return check;
  }

  #refuseOld(sequence, window) {
    if (this.sequence !== null && ((this.sequence - sequence) & 0xffff) < window) throw new PoseError("an old packet");
  }

  #find(sequence) {
    return this.references.find((s) => s.sequence === (sequence & 0xffff)) ?? null;
  }

  #coder(spec) {
    const held = this.coders.get(spec.id);
    if (held && sameSet(held.spec, spec)) return held;
    const made = new SetCoder(spec);
    this.coders.set(spec.id, made);
    return made;
  }

  #delta(packet, h) {
    this.#refuseOld(h.sequence, 0x8000);
    const ref = packet[6] ? this.#find(h.sequence - packet[6]) : null;
    if (!ref) {
      this.needsKey = true;
      throw new PoseError("the packet is coded against a frame that is not held");
    }
    let check;
    try {
      check = this.#verify(packet, ref.check);
    } catch (error) {
      if (h.layer === 0) this.needsKey = true;
      throw error;
    }
    const time = (ref.time + ((((packet[4] << 8) | packet[5]) - ref.time) & 0xffff)) >>> 0;
    if (h.kind === REPEAT) {
      if (packet.length !== h.size + 4) throw new PoseError("a repeat must not have blocks");
      return { ...ref, time };
    }
    const state = { ...this.#blocks(packet, h, ref, false), time, check };
    if (h.layer === 0) this.references = [ref, state];
    return state;
  }

  #restart(packet, h, time, check) {
    let ref = this.#find(h.sequence - packet[8]);
    if (ref && (ref.check !== get32(packet, 9) || [...ref.sets.values()].some((s) => s.known < s.spec.landmarks))) ref = null;
    const state = { ...this.#blocks(packet, h, ref, ref === null), time, check };
    this.references = ref ? [ref, state] : [state];
    return state;
  }

  #blocks(packet, h, ref, cold) {
    const sets = new Map();
    for (const block of getBlocks(packet, h.size, packet.length - 4)) {
      if (!NAMED[block.id] && block.id !== QUAT_ID && block.id !== CUSTOM_ID) continue;
      const fresh = (block.flags & 3) === MODE_INTRA, before = ref?.sets.get(block.id) ?? null;
      let pos = block.start, spec, gains = null;
      if (h.kind === KEY && !fresh) throw new PoseError("a key packet must not have a set that refers to another frame");
      if (fresh && block.flags & HAS_REFRESH) throw new PoseError("a new set must not have a refresh");
      if (fresh || h.kind === RESTART) {
        [spec, gains, pos] = getDescriptor(block.id, packet, pos, block.end);
        if (!fresh && before && !sameSet(before.spec, spec)) throw new PoseError("a set has changed without starting anew");
      } else if (!before) throw new PoseError("a set continues that is not in the reference");
      else spec = before.spec;
      sets.set(block.id, this.#coder(spec).decode(packet, block.flags, pos, block.end, before, gains, cold));
    }
    return { sequence: h.sequence, sets };
  }

  #snapshot(packet, h) {
    const sets = new Map();
    for (const block of getBlocks(packet, h.size, packet.length - 4)) {
      if (!NAMED[block.id] && block.id !== QUAT_ID && block.id !== CUSTOM_ID) continue;
      const [spec, gains, pos] = getDescriptor(block.id, packet, block.start, block.end);
      sets.set(block.id, this.#coder(spec).fromSnapshot(packet, block.flags, pos, block.end, gains));
    }
    return { sequence: h.sequence, sets };
  }
}

/** Encodes one stream; options as the host's encoder has them. */

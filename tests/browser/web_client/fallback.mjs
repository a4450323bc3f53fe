// node fallback.mjs CLIENT: the fallback of the JavaScript client over two ways in memory: when the first is left, what
// is said again by the second, and that no pose is wrong whatever is lost, overtaken, doubled and switched.
import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const load = (name) => import(pathToFileURL(`${process.argv[2]}/${name}`));
const { Fallback } = await load("transports/fallback.js");
const { ReplayBuffer } = await load("transports/replay_buffer.js");
const { FailureShare, SwitchLog, fallbackPolicy } = await load("transports/switches.js");
const { POSE, buildFrame, parseFrame } = await load("frames.js");
const { ConfigError, HostUnreachableError, WireError } = await load("errors.js");
const { PoseDecoder, PoseEncoder, PoseError, control, landmarkSet } = await load("pose.js");

const SLOW = { intervalMs: 3_600_000, probeMs: 3_600_000 };
const COCO = landmarkSet("coco17");
const same = (value) => ({ coco17: new Float32Array(COCO.landmarks * COCO.channels).fill(value) });
const framed = (packet, memberId = 0) => buildFrame(POSE, packet, memberId);
const sequences = (frames) => frames.map((frame) => (parseFrame(frame).payload[2] << 8) | parseFrame(frame).payload[3]);
const isKey = (packet) => ((packet[0] >> 2) & 7) === 0;

async function eventually(condition) {
  for (let i = 0; !condition(); i++) {
    assert.ok(i < 6000, `it has not come to that: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A first transport in memory; `answers`: whether its probes are answered. */
class Way {
  name = "memory";
  heardMs = 0;
  roundTripMs = 1;
  unsentBytes = 0;
  arrived = [];
  answers = true;
  closed = false;
  lost = new Promise((resolve) => (this.break = resolve));

  send(frame) {
    if (this.closed) throw new Error("it is closed");
    this.arrived.push(frame);
  }

  probe(patienceMs) {
    return this.answers ? Promise.resolve(true) : new Promise((resolve) => setTimeout(resolve, patienceMs, false));
  }

  close() {
    this.closed = true;
  }

  statistics() {
    return { messagesOut: this.arrived.length };
  }
}

/** A fallback over ways in memory, and what arrives at their far ends. */
class TwoWays {
  switches = [];
  second = [];
  opened = [];
  log = new SwitchLog();

  constructor(policy, { held = false, refusal = null } = {}) {
    this.refusal = refusal;
    const open = async () => {
      if (this.refusal) throw this.refusal;
      this.opened.push(new Way());
      return this.opened.at(-1);
    };
    const send = (frame) => this.second.push(frame);
    const switched = (found) => this.switches.push(found);
    const options = { open, second: "websocket", send, policy: fallbackPolicy(policy), log: this.log, switched };
    this.fallback = new Fallback(options, held);
  }

  get first() {
    return this.opened.at(-1);
  }

  get causes() {
    return this.switches.map(({ cause }) => cause);
  }
}

{
  // Poses that may be lost go by the first, all else by the second; what the first lost is said again, from the key on.
  const ways = new TwoWays(SLOW);
  const encoder = new PoseEncoder([COCO], { acknowledged: true });
  const step = (i) => {
    const packet = encoder.encode(same(i / 8), i);
    ways.fallback.send(framed(packet), !isKey(packet));
  };
  step(0);
  assert.deepEqual(sequences(ways.second.splice(0)), [0]); // there is no first yet
  await eventually(() => ways.fallback.lossy);
  encoder.requestKey();
  for (let i = 1; i < 8; i++) {
    if (i === 4) encoder.requestKey();
    step(i);
  }
  assert.deepEqual(sequences(ways.second.splice(0)), [1, 4]);
  assert.deepEqual(sequences(ways.first.arrived), [2, 3, 5, 6, 7]);
  ways.first.break("it was lost");
  await eventually(() => !ways.fallback.lossy);
  assert.deepEqual(sequences(ways.second.splice(0)), [4, 5, 6, 7]);
  assert.deepEqual([ways.switches[1].replayed, ways.switches[1].cause, ways.switches[1].now], [4, "it was lost", "websocket"]);
  assert.ok(ways.first.closed);
  step(8);
  assert.equal(ways.second.length, 1);
  const { first, counts, probes, usedMs, switches } = ways.fallback.statistics();
  assert.deepEqual([first, counts, probes], [null, { memory: 1, websocket: 1 }, { opened: 1, failed: 0 }]);
  assert.ok(usedMs.memory >= 0 && usedMs.websocket >= 0 && switches.length === 2);
  ways.fallback.close();
}

{
  // One that breaks while it sends loses nothing.
  const ways = new TwoWays(SLOW);
  await eventually(() => ways.fallback.lossy);
  const encoder = new PoseEncoder([COCO]);
  ways.fallback.send(framed(encoder.encode(same(0.5), 0)), false);
  ways.first.closed = true;
  ways.fallback.send(framed(encoder.encode(same(0.6), 1)), true);
  assert.deepEqual(sequences(ways.second), [0, 0, 1]);
  assert.deepEqual(ways.causes, ["opened", "it is closed"]);
  ways.fallback.close();
}

{
  // A first that cannot be opened is tried again; a host that refuses is left alone for long.
  const ways = new TwoWays({ probeMs: 10 }, { refusal: new HostUnreachableError("no packet comes through") });
  await eventually(() => ways.log.probes.failed >= 3);
  assert.equal(ways.fallback.lossy, false);
  ways.refusal = null;
  await eventually(() => ways.fallback.lossy);
  // Lost, it is tried again, and used again.
  ways.first.break("it was lost");
  await eventually(() => ways.causes.join() === "opened,it was lost,works again");
  ways.fallback.close();
  const refused = new TwoWays(SLOW, { refusal: new WireError("no", "not_available") });
  await eventually(() => refused.log.probes.failed === 1);
  refused.refusal = null;
  refused.fallback.rollback(); // by hand it is tried at once
  await eventually(() => refused.fallback.lossy);
  refused.fallback.close();
}

{
  // Probes that are not answered end the first, unless something came after them.
  const ways = new TwoWays({ intervalMs: 5, patienceMs: 30, probeMs: 3_600_000 });
  await eventually(() => ways.fallback.lossy);
  ways.first.answers = false;
  await eventually(() => !ways.fallback.lossy);
  assert.equal(ways.switches.at(-1).cause, "80% of its probes were not answered");
  ways.fallback.close();
}

{
  // rollback() undoes the last switch, and holds, also in the next session.
  const ways = new TwoWays({ probeMs: 1 });
  await eventually(() => ways.fallback.lossy);
  ways.fallback.rollback();
  assert.equal(ways.fallback.lossy, false);
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(ways.fallback.lossy, false);
  ways.fallback.rollback();
  await eventually(() => ways.fallback.lossy);
  assert.deepEqual(ways.causes, ["opened", "rolled back", "works again"]);
  ways.fallback.rollback();
  ways.fallback.close();
  const next = new TwoWays({ probeMs: 1 }, { held: ways.fallback.held });
  await new Promise((resolve) => setTimeout(resolve, 30));
  assert.equal(next.opened.length, 0);
  next.fallback.rollback();
  await eventually(() => next.fallback.lossy);
  next.fallback.close();
  assert.ok(next.first.closed);
}

{
  const share = new FailureShare(fallbackPolicy({ window: 5, share: 0.8 }));
  assert.ok(![true, true, true, true].some((failed) => share.note(failed)));
  assert.ok(share.note(false)); // four of five
  assert.ok(!share.note(false));
  for (const wrong of [{ share: 0 }, { share: 1.1 }, { window: 0 }, { probeMs: 0 }, { replay: -1 }, { share: NaN }])
    assert.throws(() => fallbackPolicy(wrong), ConfigError, JSON.stringify(wrong));
}

{
  // Of each stream what follows its last key is kept, no more than so many frames, and nothing of others.
  const kept = new ReplayBuffer(4);
  const encoders = [0, 1].map((stream) => new PoseEncoder([COCO], { stream }));
  const add = (stream) => {
    const frame = framed(encoders[stream].encode(same(0.5), 0));
    kept.add(frame);
    return frame;
  };
  const frames = [add(1), add(1), add(0), add(0)];
  assert.deepEqual(kept.take(), frames);
  assert.deepEqual(kept.take(), []);
  add(0); // its key is no longer among them
  kept.add(framed(control(1, 0, 1)));
  kept.add(framed(new PoseEncoder([COCO]).encode(same(0.5), 0), 3));
  kept.add(new Uint8Array([1, 2]));
  kept.add(new Uint8Array([POSE, 0, 0, 1, 9]));
  assert.deepEqual(kept.take(), []);
  encoders[0].requestKey();
  const first = add(0);
  for (let i = 0; i < 3; i++) add(0);
  assert.equal(kept.take()[0], first);
  encoders[0].requestKey();
  for (let i = 0; i < 5; i++) add(0);
  assert.deepEqual(kept.take(), []);
}

/** Random numbers by seed (mulberry32). */
function seeded(seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const STEPS = ["pose", "pose", "pose", "pose", "lose", "reorder", "double", "switch", "back", "key"];
let decoded = 0;
let replayed = 0;

for (let seed = 0; seed < 150; seed++) {
  const chance = seeded(seed);
  const ways = new TwoWays(SLOW);
  const encoder = new PoseEncoder([COCO], { acknowledged: true });
  const decoder = new PoseDecoder({ stream: 0 });
  const poses = new Map();
  const seen = [];
  const deliver = (frames, mayBeLost) => {
    for (const frame of frames) {
      let pose;
      try {
        pose = decoder.decode(parseFrame(frame).payload);
      } catch (error) {
        if (!(error instanceof PoseError)) throw error;
        if (decoder.needsKey) encoder.requestKey();
        continue;
      }
      if (mayBeLost && decoder.ack()) encoder.control(decoder.ack());
      for (const value of pose.values.coco17)
        assert.ok(Math.abs(value - poses.get(pose.sequence)) < 0.01, `seed ${seed}: pose ${pose.sequence} is wrong`);
      seen.push(pose.sequence);
      decoded++;
    }
  };
  await eventually(() => ways.fallback.lossy);
  for (let i = 0; i < 40; i++) {
    const step = STEPS[Math.floor(chance() * STEPS.length)];
    const first = ways.first;
    if (step === "key") encoder.requestKey();
    else if (step === "switch" && ways.fallback.lossy) ways.fallback.rollback();
    else if (step === "back" && !ways.fallback.lossy) {
      ways.fallback.rollback();
      await eventually(() => ways.fallback.lossy);
    }
    const value = chance();
    const packet = encoder.encode(same(value), 33 * i);
    poses.set((packet[2] << 8) | packet[3], value);
    ways.fallback.send(framed(packet), !isKey(packet));
    if (step === "lose") first.arrived = [];
    if (step === "reorder" && chance() < 0.5) continue; // more comes before it is delivered
    const frames = first.arrived.splice(0);
    if (step === "double") frames.push(...frames);
    else if (step === "reorder") frames.reverse();
    deliver(frames, true);
    if (chance() < 0.7) deliver(ways.second.splice(0), false);
  }
  assert.deepEqual(seen, [...seen].sort((a, b) => a - b), `seed ${seed}`);
  assert.equal(new Set(seen).size, seen.length, `seed ${seed}: a pose came twice`);
  replayed += ways.switches.reduce((sum, found) => sum + found.replayed, 0);
  ways.fallback.close();
}
assert.ok(decoded > 1000 && replayed > 100, `${decoded} poses, ${replayed} frames said again`);
console.log("ok");

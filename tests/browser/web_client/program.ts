// A program in TypeScript, strict, that imports the client as the host serves it: what is right passes, what is wrong does not.
import { connect, frameDecoder, OneEuro, OPUS, opusWorks, PCM, PosewireError, Speaker, WireError } from "/posewire/v1/client/posewire.js";
import type { ConnectionState, HostConnection, ReceivedPose, Room, RoomMember, SenderOptions } from "/posewire/v1/client/posewire.js";

const leaving = new AbortController();
const host: HostConnection = await connect(undefined, { device: "page", audio: (await opusWorks()) ? OPUS : PCM, signal: leaving.signal });
host.on("changed", (old, now) => {
  const states: ConnectionState[] = [old, now];
  return states;
});
host.on("stt", (message) => message.text);
host.on("error", (error) => error instanceof WireError && error.code.startsWith("room_"));

const room: Room = await host.join("studio", { publish: ["pose"], subscribe: ["pose", { kind: "audio", device: "stage" }] });
const options: SenderOptions = { fps: 30, qos: "latest", smooth: new OneEuro({ minCutoff: 1.5 }) };
const accepted: boolean = room.sender(options).send({ body: [{ x: 0.5, y: 0.5, z: 0, visibility: 1 }], left_hand: new Float32Array(63) });
room.on("pose", (pose) => pose.delayMs.toFixed(), { signal: leaving.signal });
room.on("joined", (event) => event.member.device);
room.on("audio", ({ memberId, payload }) => {
  const member: RoomMember | undefined = room.members.get(memberId);
  return member?.audio && frameDecoder(member.audio)(payload).length;
});
for await (const pose of room.poses()) {
  const known: ReceivedPose = pose;
  const count: number = known.count.missing + known.count.undecodable;
  const body: Float32Array | undefined = known.values.body33;
  if (accepted && count && body) break;
}
const state = await room.sharedState();
state.onChange = (changes) => Object.keys(changes);
const reached: number = await room.send({ scene: 4 }, { to: "left-arm" });
try {
  await host.join("locked", { create: false });
} catch (error) {
  if (error instanceof PosewireError) error.code.length + reached;
}
new Speaker().play(new Int16Array(1), 16_000);

// @ts-expect-error: no such kind
await host.join("studio", { publish: ["poses"] });
// @ts-expect-error: no such way
room.sender({ qos: "best" });
// @ts-expect-error: an option that is not one
await connect(undefined, { devise: "page" });
// @ts-expect-error: a state is a text
host.on("changed", (old: number) => old);
// @ts-expect-error: what a handler gets is typed
room.on("message", ({ sender }) => sender);

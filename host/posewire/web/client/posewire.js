/**
 * Posewire for web pages: rooms, poses, audio, messages and shared states of a host. docs/web-client.md describes it.
 *
 *   import { connect } from "/posewire/v1/client/posewire.js";
 *   const host = await connect();
 *   const room = await host.join("studio");
 *   for await (const pose of room.poses()) console.log(pose.device, pose.values.body33);
 */

export { connect, ownHost } from "./connect.js";
export { HostConnection } from "./connection.js";
export { uniqueName } from "./unique_name.js";
export { Room } from "./rooms/room.js";
export { PoseSender } from "./poses/sender.js";
export { readPose } from "./poses/pose_input.js";
export { AudioSender } from "./audio/audio_sender.js";
export { PCM, frameDecoder, frameEncoder } from "./audio/codec.js";
export { OPUS, audioDecoder, audioEncoder, opusWorks } from "./audio/stream_codec.js";
export { openMicrophone } from "./audio/microphone.js";
export { Speaker } from "./audio/speaker.js";
export { Voice } from "./voice.js";
export { Recorder, readRecording } from "./rooms/recording.js";
export { LiveState } from "./rooms/shared_state.js";
export { NO_RECONNECT, exponentialBackoff, fixedDelay } from "./link/reconnect.js";
export { OneEuro, PoseDecoder, PoseEncoder, landmarkSet } from "./pose.js";
export { monotonicMs } from "./clock.js";
export * from "./errors.js";

// The types by name, for programs in TypeScript.
/** @typedef {import("./connection.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./connection.js").JoinOptions} JoinOptions */
/** @typedef {import("./connection.js").HostEvents} HostEvents */
/** @typedef {import("./link/presence.js").ConnectionState} ConnectionState */
/** @typedef {import("./link/reconnect.js").Strategy} Strategy */
/** @typedef {import("./rooms/room.js").RoomEvents} RoomEvents */
/** @typedef {import("./rooms/room.js").ReceivedAudio} ReceivedAudio */
/** @typedef {import("./rooms/members.js").RoomMember} RoomMember */
/** @typedef {import("./rooms/membership.js").Wanted} Wanted */
/** @typedef {import("./rooms/room_messages.js").RoomMessage} RoomMessage */
/** @typedef {import("./poses/pose_streams.js").ReceivedPose} ReceivedPose */
/** @typedef {import("./poses/pose_streams.js").StreamCount} StreamCount */
/** @typedef {import("./poses/pose_input.js").PoseParts} PoseParts */
/** @typedef {import("./poses/pose_input.js").Landmark} Landmark */
/** @typedef {import("./poses/sender.js").SenderOptions} SenderOptions */
/** @typedef {import("./audio/codec.js").AudioParams} AudioParams */
/** @typedef {import("./transports/pose_channel.js").WebRtcOptions} WebRtcOptions */

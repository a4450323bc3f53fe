/**
 * Posewire for web pages: rooms, poses, audio, messages and shared states of a host. docs/web-client.md describes it.
 *
 *   import { connect } from "/posewire/v1/client/posewire.js";
 *   const host = await connect();
 *   const room = await host.join("studio");
 *   for await (const pose of room.poses()) console.log(pose.device, pose.values.body33);
 */

export { HostConnection, connect, ownHost, uniqueName } from "./connection.js";
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
export { OneEuro, PoseDecoder, PoseEncoder, PoseError, landmarkSet } from "./pose.js";
export { monotonicMs } from "./clock.js";
export * from "./errors.js";

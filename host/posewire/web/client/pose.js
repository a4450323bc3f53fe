// Pose packets in the browser: decoder and encoder, which need nothing but PoseError. Specification: docs/pose-packet.md.
//
//   const decoder = new PoseDecoder();
//   const frame = decoder.decode(new Uint8Array(message));   // {values: {body33: Float32Array}, timeMs, ...} or null
//   const encoder = new PoseEncoder(["body33"]);
//   socket.send(encoder.encode({body33: floats}, performance.now()));
//
// The same packets, byte for byte, as the host's and the firmware's.

export { PoseError } from "./errors.js";
export { control } from "./pose/bytes.js";
export { PoseDecoder } from "./pose/decoder.js";
export { PoseEncoder } from "./pose/encoder.js";
export { OneEuro } from "./pose/one_euro.js";
export { landmarkSet } from "./pose/sets.js";

/** The worker in which a room's poses are decoded, so that a page's drawing does not wait for it. */

import { PoseStreams } from "./pose_streams.js";

/** @type {PoseStreams} */
let streams;

addEventListener("message", ({ data }) => {
  switch (data.kind) {
    case "open":
      streams = new PoseStreams((memberId, packet) => postMessage({ kind: "ask", memberId, packet }), data.acknowledge);
      break;
    case "forget":
      streams.forget(data.memberId);
      break;
    case "packet": {
      const pose = streams.decode(data.memberId, data.device, data.packet, data.arrivedMs);
      if (pose) postMessage({ kind: "pose", pose }, { transfer: Object.values(pose.values).map((values) => values.buffer) });
    }
  }
});

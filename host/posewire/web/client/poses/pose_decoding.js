/** Where a room's poses are decoded: in a worker, or in the page itself where there are no workers. */

import { PoseStreams } from "./pose_streams.js";

/**
 * @typedef {object} PoseDecoding
 * @property {(memberId: number, device: string, packet: Uint8Array, arrivedMs: number) => void} decode
 * @property {(memberId: number) => void} forget
 * @property {() => void} close
 */

/**
 * @param {(memberId: number, packet: Uint8Array) => void} ask
 * @param {(pose: import("./pose_streams.js").ReceivedPose) => void} decoded
 * @param {{acknowledge: boolean, worker: boolean}} options
 * @returns {PoseDecoding}
 */
export function openDecoding(ask, decoded, { acknowledge, worker }) {
  return worker && typeof Worker !== "undefined" ? inWorker(ask, decoded, acknowledge) : inPage(ask, decoded, acknowledge);
}

/**
 * @param {(memberId: number, packet: Uint8Array) => void} ask
 * @param {(pose: import("./pose_streams.js").ReceivedPose) => void} decoded
 * @param {boolean} acknowledge
 * @returns {PoseDecoding}
 */
function inPage(ask, decoded, acknowledge) {
  const streams = new PoseStreams(ask, acknowledge);
  return {
    decode: (...packet) => {
      const pose = streams.decode(...packet);
      if (pose) decoded(pose);
    },
    forget: (memberId) => streams.forget(memberId),
    close: () => {},
  };
}

/** A worker, also for a page of another server than the client's: that one imports it by a script of the page's own. */
function openWorker() {
  try {
    return new Worker(new URL("./pose_worker.js", import.meta.url), { type: "module" });
  } catch {
    const { href } = new URL("./pose_worker.js", import.meta.url);
    const script = URL.createObjectURL(new Blob([`import ${JSON.stringify(href)};`], { type: "text/javascript" }));
    const worker = new Worker(script, { type: "module" });
    URL.revokeObjectURL(script);
    return worker;
  }
}

/**
 * @param {(memberId: number, packet: Uint8Array) => void} ask
 * @param {(pose: import("./pose_streams.js").ReceivedPose) => void} decoded
 * @param {boolean} acknowledge
 * @returns {PoseDecoding}
 */
function inWorker(ask, decoded, acknowledge) {
  const worker = openWorker();
  /** Where the worker could not be loaded: the network was lost just then. @type {PoseDecoding | null} */
  let instead = null;
  worker.onmessage = ({ data }) => (data.kind === "pose" ? decoded(data.pose) : ask(data.memberId, data.packet));
  worker.onerror = (event) => {
    if (event instanceof ErrorEvent) console.error("the decoder of poses failed:", event.message);
    else instead = inPage(ask, decoded, acknowledge);
  };
  worker.postMessage({ kind: "open", acknowledge });
  return {
    decode: (memberId, device, packet, arrivedMs) => {
      if (instead) return instead.decode(memberId, device, packet, arrivedMs);
      const copy = packet.slice();
      return worker.postMessage({ kind: "packet", memberId, device, packet: copy, arrivedMs }, [copy.buffer]);
    },
    forget: (memberId) => (instead ? instead.forget(memberId) : worker.postMessage({ kind: "forget", memberId })),
    close: () => worker.terminate(),
  };
}

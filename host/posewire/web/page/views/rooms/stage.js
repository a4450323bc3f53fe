/** The poses of a room in space, and how well each stream arrives. */

import { html, useEffect, useRef, useState } from "/vendor/htm-preact.js";
import { Ticking } from "../../parts.js";
import { Scene, cssColor } from "../../scene/scene.js";
import { t } from "../../text.js";

const LABELS_MS = 500;
/** A stream that has sent nothing for so long is called silent. */
const SILENT_MS = 1500;

/** @typedef {(device: string) => string} NameOf the name that somebody gave a device, or its id */

/**
 * @param {{room: import("./joined.js").JoinedRoom | null, nameOf: NameOf, options: {trails: boolean, together: boolean},
 *   problem: string}} props
 */
export function Stage({ room, nameOf, options, problem }) {
  const canvas = useRef(null);
  const scene = useRef(/** @type {Scene | null} */ (null));
  const [noGl, setNoGl] = useState("");
  useEffect(() => {
    try {
      scene.current = new Scene(canvas.current);
    } catch (error) {
      setNoGl(error.message);
    }
    /** @type {Page.Shown} */ (globalThis).scene = scene.current;
    return () => scene.current?.close();
  }, []);
  useEffect(() => room?.on("pose", (pose) => scene.current?.update(pose)), [room]);
  if (scene.current) Object.assign(scene.current.options, options);
  return html`<div class="stage">
    <canvas ref=${canvas} tabindex="0" role="img" aria-label=${t("The poses in space. Arrow keys turn the view, plus and minus come closer and go away, 0 is the beginning.")}></canvas>
    <div class="labels"><${Ticking} everyMs=${LABELS_MS} text=${() => html`<${Labels} scene=${scene.current} nameOf=${nameOf} />`} /></div>
    ${(problem || noGl) && html`<p class="empty" role="status">${noGl || problem}</p>`}
  </div>`;
}

/** @param {{scene: Scene | null, nameOf: NameOf}} props */
const Labels = ({ scene, nameOf }) => (scene?.streams() ?? []).map((stream) => html`<${Label} key=${`${stream.device} ${stream.stream}`} stream=${stream} name=${nameOf(stream.device)} />`);

/** @param {{stream: ReturnType<Scene["streams"]>[number], name: string}} props */
function Label({ name, stream: { index, sets, fps, delayMs, silentMs, lost } }) {
  const arriving = `${t("{count} a second arrive", { count: fps.toFixed(0) })} · +${Math.round(delayMs)} ms`;
  const silent = html`<b>${t("silent for {seconds} s", { seconds: Math.round(silentMs / 1000) })}</b>`;
  return html`<span class="label"><span class="swatch" style=${{ background: cssColor(index) }}></span>${name} ${sets.join("+")}${" · "}
    ${silentMs > SILENT_MS ? silent : arriving} · ${t("lost")} ${(100 * lost).toFixed(1)} %</span>`;
}

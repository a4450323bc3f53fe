/** The button that plays what was heard or said in a turn. On the whole page one sound plays at a time. */

import { html, useCallback, useEffect, useRef, useState } from "/vendor/htm-preact.js";
import { t } from "../../text.js";

/** Ends what plays now. @type {(() => void) | null} */
let silence = null;

/** @param {{url: string, label: string}} props `label`: what the button does, for who does not see where it stands */
export function PlaySound({ url, label }) {
  const [playing, setPlaying] = useState(false);
  const [gone, setGone] = useState(false);
  const player = useRef(/** @type {HTMLAudioElement | null} */ (null));
  const stop = useCallback(() => {
    player.current?.pause();
    player.current = null;
    if (silence === stop) silence = null;
    setPlaying(false);
  }, []);
  useEffect(() => stop, []);
  const play = async () => {
    silence?.();
    silence = stop;
    const audio = new Audio(url);
    player.current = audio;
    setPlaying(true);
    setGone(false);
    audio.addEventListener("ended", () => player.current === audio && stop());
    try {
      await audio.play();
    } catch {
      // Broken off by another click, or not kept any more: the oldest sound makes room for newer.
      if (player.current !== audio) return;
      setGone(true);
      stop();
    }
  };
  return html`<button class="small" onClick=${playing ? stop : play} aria-label=${playing ? t("Stop: {label}", { label }) : label}>${playing ? "■" : "▶"} ${playing ? t("Stop") : t("Play")}</button>
    <span role="status">${gone && html` <span class="faint">${t("This sound is not kept any more.")}</span>`}</span>`;
}

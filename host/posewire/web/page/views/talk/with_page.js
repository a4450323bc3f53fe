/** Talking from this page: by the computer's own microphone and loudspeaker, or in writing. */

import { html, useEffect, useState } from "/vendor/htm-preact.js";
import { inWords, useOutcome } from "../../api.js";
import { Field, Form, Outcome, Ticking } from "../../parts.js";
import { t } from "../../text.js";
import { pageDevice } from "./page_device.js";

/** @param {{opus: boolean}} props `opus`: whether the host has it */
export function WithPage({ opus }) {
  const [device, setDevice] = useState(/** @type {import("./page_device.js").PageDevice | null} */ (null));
  useEffect(() => void pageDevice(opus).then(setDevice), []);
  return device && html`<${Speaking} ...${device} />`;
}

/** @param {import("./page_device.js").PageDevice} props */
function Speaking({ host, voice }) {
  const [state, setState] = useState("");
  const [listening, setListening] = useState(false);
  const [outcome, run] = useOutcome();
  const stopListening = () => {
    setListening(false);
    return voice.stopListening();
  };
  useEffect(() => {
    const stop = [
      host.on("stt", ({ text }) => setState(t("heard: {text}", { text }))),
      host.on("tts", ({ state: now, text }) => {
        if (now === "sentence_start") setState(t("says: {text}", { text }));
        if (now === "start") stopListening().catch((error) => setState(inWords(error)));
      }),
      host.on("error", (error) => setState(inWords(error))),
    ];
    return () => {
      stop.forEach((end) => end());
      // Who looks at something else is not listened to.
      voice.close().catch(() => {});
    };
  }, []);
  const ready = () => (["new", "closed"].includes(host.state) ? host.open() : host.waitConnected());
  const speak = () =>
    run(async () => {
      if (listening) return stopListening();
      await ready();
      await voice.start("auto");
      setListening(true);
      setState(t("listening…"));
    });
  /** @type {(values: Page.Values, form: HTMLFormElement) => Promise<void>} */
  const say = ({ text }, form) =>
    run(async () => {
      await ready();
      await voice.openSpeaker();
      voice.say(text);
      form.reset();
    });
  return html`<p class="faint">${t("The microphone and the loudspeaker of this computer, as a board would use them.")} ${inFormat(host.audio)}</p>
    <div class="row">
      <button class="main" onClick=${speak} aria-pressed=${listening}>${listening ? t("Stop listening") : t("Speak")}</button>
      <button onClick=${() => run(async () => host.connected ? voice.abort() : undefined)}>${t("Be silent")}</button>
      ${listening && html`<${Ticking} everyMs=${100} text=${() => html`<meter class="level" min="0" max="1" value=${voice.level} aria-label=${t("Level of the microphone")}></meter>`} />`}
    </div>
    <${Form} label=${t("Ask in writing")} button=${t("Ask")} onSubmit=${say}>
      <${Field} label=${t("Ask in writing")} grow><input name="text" required maxlength="1000" /><//>
    <//>
    <p role="status">${state}</p>
    <${Outcome} outcome=${outcome} />`;
}

/** How sound goes to the host and back. @param {import("/posewire/v1/client/audio/codec.js").AudioParams} audio */
const inFormat = ({ format, sample_rate: rate }) =>
  format === "opus" ? t("Sound goes as Opus, {rate} kHz.", { rate: rate / 1000 }) : t("Sound goes as PCM, {rate} kHz: this browser or this host has no Opus.", { rate: rate / 1000 });

/** What a device has heard, done and said, and where the time went; and talking from this page, as a device. */

import { HostConnection, Voice, ownHost, uniqueName } from "/posewire/v1/client/posewire.js";
import { html, useEffect, useMemo, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../api.js";
import { Form, Outcome, Ticking, Trouble, Waterfall } from "../parts.js";
import { t } from "../text.js";

const POLL_MS = 1000;

export function Talk({ rest, may }) {
  const { value } = usePolled("/api/devices", 3000);
  const here = useHere();
  const chosen = rest[0] ?? here.device;
  const others = (value?.devices ?? []).filter(({ session, device }) => session?.board && device !== here.device);
  const choose = (event) => (location.hash = `#/talk/${encodeURIComponent(event.target.value)}`);
  return html`<section class="card">
    <div class="row">
      <h1 class="grow">${t("Talk")}</h1>
      <label>${t("With")} <select value=${chosen} onChange=${choose}>
        <option value=${here.device} selected=${chosen === here.device}>${t("this page")}</option>
        ${others.map(({ device, name }) => html`<option value=${device} selected=${chosen === device}>${name || device}</option>`)}
        ${chosen !== here.device && !others.some(({ device }) => device === chosen) && html`<option value=${chosen} selected>${chosen}</option>`}
      </select></label>
    </div>
    ${chosen === here.device ? html`<${Here} here=${here} may=${may} />` : html`<${There} key=${chosen} device=${chosen} may=${may} />`}
    ${may("operator.read") ? html`<${Turns} key=${`turns ${chosen}`} device=${chosen} />` : null}
  </section>`;
}

/** This page as a device: made once, connected when somebody speaks. */
function useHere() {
  const here = useMemo(() => {
    const device = uniqueName("page");
    const host = new HostConnection(ownHost(), { device });
    return { device, host, voice: new Voice(host) };
  }, []);
  useEffect(() => () => void here.voice.close().then(() => here.host.close()), []);
  return here;
}

function Here({ here, may }) {
  const { host, voice } = here;
  const [state, setState] = useState("");
  const [listening, setListening] = useState(false);
  const [outcome, run] = useOutcome();
  useEffect(() => {
    const stop = [
      host.on("stt", ({ text }) => setState(t("heard: {text}", { text }))),
      host.on("tts", ({ state: now, text }) => {
        if (now === "sentence_start") setState(t("says: {text}", { text }));
        if (now === "start") {
          voice.stopListening();
          setListening(false);
        }
      }),
      host.on("error", (error) => setState(error.message)),
    ];
    return () => stop.forEach((end) => end());
  }, []);
  const ready = async () => {
    if (host.state === "new") await host.open();
  };
  const speak = () =>
    run(async () => {
      if (listening) {
        voice.stopListening();
        setListening(false);
        return;
      }
      await ready();
      await voice.start("auto");
      setListening(true);
      setState(t("listening…"));
    });
  const say = ({ text }, form) =>
    run(async () => {
      await ready();
      await voice.openSpeaker();
      voice.say(text);
      form.reset();
    });
  return html`<p class="faint">${t("The microphone and the loudspeaker of this computer, as a board would use them.")}</p>
    <div class="row">
      <button class="main" onClick=${speak} aria-pressed=${listening}>${listening ? t("Stop listening") : t("Speak")}</button>
      <button onClick=${() => run(async () => host.connected && voice.abort())}>${t("Be silent")}</button>
      <span class="grow"><${Ticking} everyMs=${100} text=${() => html`<meter class="meter" min="0" max="1" value=${voice.level} aria-label=${t("Level of the microphone")}></meter>`} /></span>
    </div>
    <${Form} label=${t("Ask in writing")} button=${t("Ask")} onSubmit=${say}>
      <label class="grow">${t("Ask in writing")} <input name="text" required maxlength="1000" style=${{ width: "100%" }} /></label>
    <//>
    <p role="status">${state}</p>
    <${Outcome} outcome=${outcome} />`;
}

function There({ device, may }) {
  const path = `/api/devices/${encodeURIComponent(device)}`;
  const { value, error } = usePolled(may("operator.read") ? `${path}/tools` : null, 10_000);
  const [outcome, run] = useOutcome();
  const [tool, setTool] = useState("");
  if (!may("operator.act")) return html`<p class="note">${t("Your token lets you look only.")}</p>`;
  const say = ({ text, urgent }, form) =>
    run(
      async () => (
        await ask(`${path}/say`, { body: { text, urgent: urgent === "on" } }),
        form.reset(),
        t("It is said when the device is free.")
      ),
    );
  const put = ({ text }, form) => run(async () => (await ask(`${path}/ask`, { body: { text } }), form.reset(), ""));
  const call = ({ name, arguments: written }) =>
    run(async () => {
      const answer = await ask(`${path}/tools/${encodeURIComponent(name)}`, { body: { arguments: JSON.parse(written || "{}") } });
      if (answer.failed) throw new Error(answer.text);
      return answer.text;
    });
  const known = value?.tools.find(({ name }) => name === tool) ?? value?.tools[0];
  return html`
    <${Form} label=${t("Ask in writing")} button=${t("Ask")} onSubmit=${put}>
      <label class="grow">${t("Ask in writing")} <input name="text" required maxlength="1000" style=${{ width: "100%" }} /></label>
    <//>
    <${Form} label=${t("Say")} button=${t("Say")} onSubmit=${say}>
      <label class="grow">${t("Say something on it")} <input name="text" required maxlength="1000" style=${{ width: "100%" }} /></label>
      <label class="row"><input name="urgent" type="checkbox" /> ${t("urgent")}</label>
    <//>
    <${Trouble} error=${error} />
    ${
      value?.tools.length
        ? html`<${Form} label=${t("Call a tool")} button=${t("Call")} onSubmit=${call}>
      <label>${t("Tool")} <select name="name" onChange=${(event) => setTool(event.target.value)}>${value.tools.map(({ name }) => html`<option value=${name}>${name}</option>`)}</select></label>
      <label class="grow">${t("Arguments (JSON)")} <input name="arguments" key=${known.name} defaultValue=${example(known.inputSchema)} style=${{ width: "100%" }} /></label>
    <//><p class="faint">${known.description}</p>`
        : null
    }
    <${Outcome} outcome=${outcome} />`;
}

/** Arguments that fit a tool's schema, as an example. */
function example(schema) {
  const value = ({ type, minimum, default: usual, enum: choices }) =>
    usual ?? choices?.[0] ?? (type === "boolean" ? true : type === "string" ? "" : (minimum ?? 0));
  return JSON.stringify(Object.fromEntries(Object.entries(schema?.properties ?? {}).map(([name, part]) => [name, value(part)])));
}

function Turns({ device }) {
  const { value, error } = usePolled(`/api/devices/${encodeURIComponent(device)}/turns`, POLL_MS);
  const turns = [...(value?.turns ?? [])].reverse();
  return html`<h2>${t("Conversation")}</h2>
    <${Trouble} error=${error} />
    ${value && !turns.length && html`<p class="faint">${t("Nothing was said since the host was started.")}</p>`}
    ${turns.map(
      (turn) => html`<article class="turn" key=${turn.at}>
        <p class="faint">${new Date(1000 * turn.at).toLocaleTimeString()} ${turn.outcome ? t(turn.outcome) : t("under way…")}
          ${turn.over_budget && html`<span class="warn"> ${t("too slow: {stage}", { stage: turn.over_budget })}</span>`}</p>
        ${turn.heard && html`<p><span class="faint">${t("Heard")}</span> ${turn.heard}</p>`}
        ${turn.calls.map((call) => html`<p><span class="faint">${t("Called")}</span> <code>${call.tool} ${call.arguments}</code> → <span class=${call.failed ? "bad" : ""}>${call.result ?? "…"}</span> ${call.ms !== null && html`<span class="faint">${Math.round(call.ms)} ms</span>`}</p>`)}
        ${turn.said.length > 0 && html`<p><span class="faint">${t("Said")}</span> ${turn.said.join(" ")}</p>`}
        ${Object.keys(turn.stages).length > 0 && html`<${Waterfall} stages=${turn.stages} budget=${value.budget_ms} />`}
      </article>`,
    )}`;
}

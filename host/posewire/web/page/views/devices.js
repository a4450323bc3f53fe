/** All devices, and one of them closely. */

import { html, useMemo, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../api.js";
import { Facts, Form, Outcome, Table, Trouble, duration } from "../parts.js";
import { t } from "../text.js";

const POLL_MS = 2000;

export function Devices({ rest, may }) {
  const { value, error, refresh } = usePolled("/api/devices", POLL_MS);
  const [search, setSearch] = useState("");
  const [programs, setPrograms] = useState(false);
  const chosen = rest[0];
  const devices = useMemo(() => {
    const words = search.toLowerCase();
    return (value?.devices ?? [])
      .filter((device) => programs || isBoard(device) || device.device === chosen)
      .filter((device) =>
        [device.device, device.name, device.session?.board, device.session?.room].join(" ").toLowerCase().includes(words),
      );
  }, [value, search, programs, chosen]);
  const found = value?.devices.find((device) => device.device === chosen);
  return html`
    <section class="card">
      <div class="row">
        <h1 class="grow">${t("Devices")} <span class="faint">${value ? devices.length : ""}</span></h1>
        <label><span class="visually-hidden">${t("Search")}</span><input type="search" placeholder=${t("Search")} value=${search} onInput=${(event) => setSearch(event.target.value)} /></label>
        <label class="row"><input type="checkbox" checked=${programs} onChange=${(event) => setPrograms(event.target.checked)} /> ${t("programs and pages, too")}</label>
      </div>
      <${Trouble} error=${error} />
      ${value && !devices.length && !search ? html`<${NoBoard} may=${may} />` : html`<${Table} label=${t("Devices")} rows=${devices} keyOf=${(device) => device.device} selected=${chosen} columns=${columns()} />`}
    </section>
    ${found && html`<${Device} key=${chosen} device=${found} may=${may} refresh=${refresh} />`}
    ${may("operator.pair") && html`<${Pair} refresh=${refresh} />`}`;
}

const isBoard = ({ session, pairing, report }) => Boolean(session?.board || pairing || report);

/** What is wrong with a device, in a word; empty where nothing is. */
function trouble({ session, report, pairing }) {
  if (!session) return pairing?.revoked ? t("revoked") : t("away");
  if (report?.crash) return t("has crashed");
  if (report?.left_out) return t("parts left out");
  if (report?.rssi !== undefined && report.rssi < -80) return t("weak signal");
  if (report?.battery !== undefined && report.battery < 15) return t("battery low");
  return "";
}

function State({ device }) {
  const wrong = trouble(device);
  const level = !device.session ? "faint" : wrong ? "warn" : "good";
  return html`<span class=${`state ${level}`}>${wrong || (device.session.voice && device.session.voice !== "idle" ? t(device.session.voice) : t("there"))}</span>`;
}

const columns = () => [
  {
    name: t("State"),
    of: (device) => (device.session ? (trouble(device) ? 0 : 1) : 2),
    show: (device) => html`<${State} device=${device} />`,
  },
  {
    name: t("Name"),
    of: (device) => device.name || device.device,
    show: (device) => html`<a href=${`#/devices/${encodeURIComponent(device.device)}`}>${device.name || device.device}</a>`,
  },
  { name: t("Board"), of: (device) => device.session?.board },
  { name: t("Firmware"), of: (device) => device.session?.firmware },
  {
    name: t("Room"),
    of: (device) => device.session?.room,
    show: ({ session }) => session?.room && html`<a href=${`#/rooms/${encodeURIComponent(session.room)}`}>${session.room}</a>`,
  },
  { name: t("Audio"), of: (device) => device.session?.audio },
  {
    name: t("Signal"),
    number: true,
    of: (device) => device.report?.rssi,
    show: ({ report }) => report?.rssi !== undefined && `${report.rssi} dBm`,
  },
  {
    name: t("Free memory"),
    number: true,
    of: (device) => device.report?.heap_free,
    show: ({ report }) => report?.heap_free !== undefined && `${Math.round(report.heap_free / 1024)} KB`,
  },
  {
    name: t("Battery"),
    number: true,
    of: (device) => device.report?.battery,
    show: ({ report }) => report?.battery !== undefined && `${report.battery} %`,
  },
  {
    name: t("Up for"),
    number: true,
    of: (device) => device.report?.uptime_ms,
    show: ({ report }) => report?.uptime_ms !== undefined && duration(report.uptime_ms),
  },
];

/** Nobody is here yet: a simulated board can be. */
function NoBoard({ may }) {
  const { value, refresh } = usePolled("/api/sim-boards", POLL_MS);
  const [outcome, run] = useOutcome();
  const start = () =>
    run(
      async () => (
        await ask("/api/sim-boards", { body: {} }),
        await refresh(),
        t("It starts: in some seconds it is in the list, and moves in the room “demo”.")
      ),
    );
  return html`<div>
    <p>${t("No board is here yet.")} <a href="#/new">${t("Set up a new board")}</a></p>
    ${value?.available && may("operator.act") && html`<p><button class="main" onClick=${start}>${t("Try a simulated one")}</button> <span class="faint">${t("The real firmware, with a simulated microphone, light, camera and motion sensor.")}</span></p>`}
    <${Outcome} outcome=${outcome} />
    ${value?.boards.filter((board) => !board.running).map((board) => html`<pre tabindex="0">${board.lines.join("\n")}</pre>`)}
  </div>`;
}

function Device({ device, may, refresh }) {
  const { device: id, session, report, pairing, update } = device;
  const path = `/api/devices/${encodeURIComponent(id)}`;
  const [outcome, run] = useOutcome();
  const [log, setLog] = useState("");
  const sims = usePolled("/api/sim-boards", POLL_MS).value?.boards.find((board) => board.device === id);
  const call = (tool, args = {}) => ask(`${path}/tools/${tool}`, { body: { arguments: args } });
  const act = (work, done) => run(async () => (await work(), await refresh(), done));
  const acts = session && may("operator.act");
  return html`<section class="card" aria-label=${device.name || id}>
    <div class="row"><h2 class="grow">${device.name || id} <${State} device=${device} /></h2><a href="#/devices">${t("Close")}</a></div>
    <div class="columns">
      <div>
        <${Facts} facts=${[
          [t("Address"), id],
          [t("Session"), session?.id],
          [t("Board"), session?.board],
          [t("Firmware"), session?.firmware],
          [t("Room"), session?.room],
          [t("Tools"), session?.tools],
          [t("Network"), report?.ssid],
          [t("Signal"), report?.rssi !== undefined ? `${report.rssi} dBm` : null],
          [
            t("Free memory"),
            report?.heap_free !== undefined
              ? `${report.heap_free} B${report.heap_free_min !== undefined ? `, ${t("at least")} ${report.heap_free_min} B` : ""}`
              : null,
          ],
          [
            t("Memory of the chip"),
            report?.idf_free !== undefined ? `${report.idf_free} B, ${t("in one piece")} ${report.idf_largest} B` : null,
          ],
          [t("Up for"), report?.uptime_ms !== undefined ? duration(report.uptime_ms) : null],
          [t("Started by"), report?.reset_cause],
          [t("Connections lost"), report?.reconnects],
          [t("Audio dropped"), report?.audio_dropped],
          [t("Poses dropped"), report?.pose_dropped],
          [t("Parts left out"), report?.left_out],
          [t("Paired"), pairing ? new Date(1000 * pairing.paired).toLocaleString() : null],
          [t("May"), pairing?.scopes.join(" ")],
          [t("Update"), update ? `${update.stage} ${update.message ?? ""}` : null],
        ]} />
        ${update && update.total ? html`<progress class="meter" max=${update.total} value=${update.done} aria-label=${t("Update")} />` : null}
      </div>
      <div class="row">
        ${
          acts &&
          html`<button onClick=${() => act(() => call("self.identify"), t("It blinks and beeps."))}>${t("Identify")}</button>
          <button onClick=${() => act(() => call("self.restart"), t("It restarts."))}>${t("Restart")}</button>
          <button onClick=${() => run(async () => setLog((await call("self.log.read")).text))}>${t("Read its log")}</button>
          <a href=${`#/talk/${encodeURIComponent(id)}`}>${t("Talk to it")}</a>`
        }
        ${session?.updatable && may("operator.update") && html`<button onClick=${() => act(() => ask(`${path}/update`, { body: {} }), t("The update has begun."))}>${t("Update its firmware")}</button>`}
        ${pairing && !pairing.revoked && may("operator.pair") && html`<button onClick=${() => confirm(t("Take away the access of {name}?", { name: device.name || id })) && act(() => ask(`${path}/pairing`, { method: "DELETE" }), t("It has no access any more."))}>${t("Revoke")}</button>`}
        ${sims && may("operator.act") && html`<button onClick=${() => act(() => ask(`/api/sim-boards/${sims.number}`, { method: "DELETE" }), t("The simulated board is gone."))}>${t("End the simulated board")}</button>`}
      </div>
    </div>
    ${may("operator.act") && html`<${Form} label=${t("Rename")} button=${t("Rename")} onSubmit=${({ name }) => act(() => ask(path, { method: "PATCH", body: { name } }), "")}>
      <label>${t("Name")} <input name="name" maxlength="64" defaultValue=${device.name} /></label>
    <//>`}
    <${Outcome} outcome=${outcome} />
    ${log && html`<h2>${t("Log of the board")}</h2><pre tabindex="0">${log}</pre>`}
    ${report?.crash && html`<h2>${t("Last crash")}</h2><pre tabindex="0">${report.crash}</pre>`}
  </section>`;
}

function Pair({ refresh }) {
  const [outcome, run] = useOutcome();
  const pair = ({ code, name }, form) =>
    run(async () => {
      const found = await ask("/api/devices", { body: { code: code.trim(), name } });
      form.reset();
      await refresh();
      return t("{name} is paired.", { name: found.name || found.device });
    });
  return html`<section class="card">
    <h2>${t("Pair a device")}</h2>
    <p class="faint">${t("A device that is new here shows or speaks six digits.")}</p>
    <${Form} label=${t("Pair a device")} button=${t("Pair")} onSubmit=${pair}>
      <label>${t("Code")} <input name="code" inputmode="numeric" pattern="\\s*[0-9]{6}\\s*" required size="8" /></label>
      <label>${t("Name")} <input name="name" maxlength="64" /></label>
    <//>
    <${Outcome} outcome=${outcome} />
  </section>`;
}

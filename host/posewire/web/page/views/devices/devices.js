/** All devices; one of them closely, those that wait to be paired. */

import { html, useEffect, useMemo, useRef, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../../api.js";
import { Check, Outcome, Table, Trouble, duration, kilobytes, typed } from "../../parts.js";
import { t } from "../../text.js";
import { Device } from "./device.js";
import { Pair, useWaiting } from "./pairing.js";
import { State, roundTrip, trouble, uptimeMs } from "./state.js";

const POLL_MS = 2000;
const SIMULATED_MS = 5000;

/** @param {Page.ViewProps} props */
export function Devices({ rest, may, can }) {
  const { value, error, refresh } = usePolled("/api/devices", POLL_MS);
  const [search, setSearch] = useState("");
  const [programs, setPrograms] = useState(false);
  const chosen = rest[0];
  /** @type {Host.Device[] | undefined} */
  const all = value?.devices;
  const devices = useMemo(() => {
    const words = search.toLowerCase();
    return (all ?? [])
      .filter((device) => programs || isBoard(device) || device.device === chosen)
      .filter((device) =>
        [device.device, device.name, device.session?.board, device.session?.firmware, device.session?.room, trouble(device)].join(" ").toLowerCase().includes(words),
      );
  }, [all, search, programs, chosen]);
  const found = all?.find((device) => device.device === chosen);
  const heading = useFocus(chosen, Boolean(found));
  const troubled = devices.filter(trouble).length;
  const pairs = may("operator.pair") && can("pair");
  const waiting = useWaiting(pairs);
  const pair = pairs && html`<${Pair} key="pair" waiting=${waiting} refresh=${refresh} />`;
  const here = devices.some(({ session }) => session);
  // Who waits is seen before all that is here, be it fifty.
  return html`
    ${waiting.some && pair}
    ${found && html`<${Device} key=${chosen} device=${found} heading=${heading} may=${may} can=${can} refresh=${refresh} />`}
    ${chosen && all && !found && html`<p class="note warn row" role="status"><span class="grow">${t("The device {id} is not here: it has left, or was never here.", { id: chosen })}</span> <a href="#/devices">${t("Close")}</a></p>`}
    <section class="card">
      <div class="row">
        <${found ? "h2" : "h1"} class="grow">${t("Devices")} <span class="faint">${value ? devices.length : ""}</span>
          ${troubled > 0 && html` <span class="state warn">${t("in trouble: {count}", { count: troubled })}</span>`}<//>
        <label><span class="visually-hidden">${t("Search")}</span><input type="search" placeholder=${t("Search")} value=${search} onInput=${typed(setSearch)} /></label>
        <${Check} label=${t("programs and pages, too")} checked=${programs} onTick=${setPrograms} />
      </div>
      <${Trouble} error=${error} />
      ${(devices.length > 0 || search) && html`<${Table} label=${t("Devices")} rows=${devices} keyOf=${(/** @type {Host.Device} */ { device }) => device} selected=${chosen} columns=${columns(devices)} />`}
      ${value && !here && !search && html`<${NoBoard} may=${may} before=${devices.length > 0} />`}
    </section>
    ${!waiting.some && pair}`;
}

/**
 * Go to the device that was chosen, which the list may have far above it, and back to its name when it is closed.
 * @param {string | undefined} chosen
 * @param {boolean} found
 */
function useFocus(chosen, found) {
  const heading = useRef(/** @type {HTMLElement | null} */ (null));
  // What the address had from the beginning was not chosen here: the keyboard begins at the top.
  const shown = useRef(chosen ?? "");
  useEffect(() => {
    if (chosen && !found) return;
    if (chosen && shown.current !== chosen) heading.current?.focus();
    else if (!chosen && shown.current) linkTo(shown.current)?.focus();
    shown.current = chosen ?? "";
  }, [chosen, found]);
  return heading;
}

/** @param {string} device @returns {HTMLElement | null} */
const linkTo = (device) => document.querySelector(`td a[href="#/devices/${CSS.escape(encodeURIComponent(device))}"]`);

/** @param {Host.Device} device */
const isBoard = ({ session, pairing, report, lost }) => Boolean(session?.board || pairing || report || lost);

/** @type {(devices: Host.Device[]) => Page.Column<Host.Device>[]} */
const columns = (devices) => [
  {
    name: t("State"),
    of: (device) => (trouble(device) ? 0 : device.session ? 1 : 2),
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
    name: t("Round trip"),
    number: true,
    of: roundTrip,
    show: (device) => shown(roundTrip(device), (ms) => `${Math.round(ms)} ms`),
  },
  {
    name: t("Microphone"),
    of: (device) => device.session?.level_db,
    show: ({ session }) =>
      typeof session?.level_db === "number" &&
      html`<meter class="level" min="-60" max="0" value=${session.level_db} aria-label=${t("Level of the microphone")} title=${`${session.level_db} dB`} />`,
  },
  {
    name: t("Free memory"),
    number: true,
    of: (device) => device.report?.heap_free,
    show: ({ report }) => report?.heap_free !== undefined && kilobytes(report.heap_free),
  },
  ...(devices.some(({ report }) => report?.battery !== undefined) ? [battery()] : []),
  {
    name: t("Up for"),
    number: true,
    of: uptimeMs,
    show: (device) => shown(uptimeMs(device), duration),
  },
];

/** Few boards have one. @type {() => Page.Column<Host.Device>} */
const battery = () => ({
  name: t("Battery"),
  number: true,
  of: (device) => device.report?.battery,
  show: ({ report }) => report?.battery !== undefined && `${report.battery} %`,
});

/** What is known, in words. @param {number | null} value @param {(value: number) => string} inWords */
const shown = (value, inWords) => (value === null ? "" : inWords(value));

/** Nobody is here: a simulated board can be. @param {{may: (need: string) => boolean, before: boolean}} props `before`: some were */
function NoBoard({ may, before }) {
  const { value, refresh } = usePolled("/api/sim-boards", SIMULATED_MS);
  const [outcome, run] = useOutcome();
  /** @type {{running: boolean, lines: string[]}[] | undefined} */
  const boards = value?.boards;
  const [asked, setAsked] = useState(false);
  const start = () =>
    run(async () => {
      setAsked(true);
      try {
        await ask("/api/sim-boards", { body: {} });
        await refresh();
      } finally {
        setAsked(false);
      }
      return t("It starts: in some seconds it is in the list, and moves in the room “demo”.");
    });
  const ended = boards?.find((board) => !board.running);
  return html`<div class="stack">
    <p>${before ? t("No board is here now.") : t("No board is here yet.")} <a href="#/new">${t("Set up a new board")}</a></p>
    ${value?.available && may("operator.act") && html`<p><button class="main" disabled=${asked || boards?.some(({ running }) => running)} onClick=${start}>${t("Try a simulated one")}</button> <span class="faint">${t("The real firmware, with a simulated microphone, light, camera and motion sensor.")}</span></p>`}
    ${ended ? html`<p class="note bad" role="alert">${t("The simulated board has ended. The last that it said:")}</p><pre tabindex="0">${ended.lines.join("\n")}</pre>` : html`<${Outcome} outcome=${outcome} />`}
  </div>`;
}

/** The page: who is there, which view, and what is the same in all of them. */

import { html, render, useCallback, useEffect, useState } from "/vendor/htm-preact.js";
import { allows, followLink } from "./access.js";
import { useAddress } from "./address.js";
import { ask, inWords } from "./api.js";
import { Qr, Ticking, typed } from "./parts.js";
import { goLive, useHost } from "./live.js";
import { clockTime, currentLanguage, languages, t, useLanguage } from "./text.js";
import { Devices } from "./views/devices/devices.js";
import { Health } from "./views/health/health.js";
import { NewBoard } from "./views/new_board/new_board.js";
import { Rooms } from "./views/rooms/rooms.js";
import { SignIn } from "./views/sign_in.js";
import { Talk } from "./views/talk/talk.js";

/** Whether the page is looked at on the host's own machine: its address is of no use to a telephone. */
const LOCAL = ["127.0.0.1", "localhost", "[::1]"].includes(location.hostname);

const ROUND_TRIP_MS = 2000;

const VIEWS = [
  { path: "devices", name: "Devices", view: Devices },
  { path: "rooms", name: "Rooms", view: Rooms },
  { path: "talk", name: "Talk", view: Talk },
  { path: "health", name: "Health", view: Health },
  { path: "new", name: "New board", view: NewBoard },
];

/** The light or dark look: what the system has, unless the person wants another. */
function useTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const [wanted, setWanted] = useState(localStorage.getItem("theme"));
  const [dark, setDark] = useState(system.matches);
  useEffect(() => {
    const changed = () => setDark(system.matches);
    system.addEventListener("change", changed);
    return () => system.removeEventListener("change", changed);
  }, []);
  const theme = wanted ?? (dark ? "dark" : "light");
  document.documentElement.dataset.theme = theme;
  const flip = () => {
    const next = theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", next);
    setWanted(next);
  };
  return { theme, flip };
}

function Presence() {
  const { host, state } = useHost();
  const words = {
    connected: t("live"),
    closed: t("not connected"),
    reconnecting: t("coming back…"),
    connecting: t("connecting…"),
    new: t("connecting…"),
  };
  // Beside the words, which screen readers read aloud whenever they change.
  const round = () => {
    const ms = host?.status().roundTripMs;
    return state === "connected" && ms ? `${Math.round(ms)} ms` : "";
  };
  return html`<span class=${`state ${state === "connected" ? "good" : "warn"}`} role="status">${words[state]}</span>
    <span class="wide faint" title=${t("Round trip")}><${Ticking} everyMs=${ROUND_TRIP_MS} text=${round} /></span>`;
}

/** What stands in a view while the host is away is old, and looks as if it were not. */
function Away() {
  const { lostAt } = useHost();
  return lostAt && html`<p class="note bad">${t("The host has not answered since {time}: what is shown here is from before. The page comes back by itself.", { time: clockTime(lostAt) })}</p>`;
}

/**
 * @param {{session: Host.Session | null, refused: import("./api.js").RefusedError | null, problem: string,
 *   onSession: (session: Host.Session) => void}} props `problem`: why a link has not let anybody in
 */
function App({ session, refused, problem, onSession }) {
  const { path, rest } = useAddress();
  const { theme, flip } = useTheme();
  const [, redraw] = useState(0);
  const [phone, setPhone] = useState(false);
  const scopes = session?.scopes ?? [];
  const looker = scopes.length > 0 && scopes.every((scope) => scope.startsWith("room.watch"));
  const views = looker ? VIEWS.filter((view) => view.path === "rooms") : VIEWS;
  const view = views.find((known) => known.path === path) ?? views[0];
  const may = useCallback((/** @type {string} */ need) => allows(session?.scopes ?? [], need), [session]);
  const can = useCallback((/** @type {string} */ ability) => session?.can.includes(ability) ?? false, [session]);
  useEffect(() => {
    document.title = session ? `${t(view.name)} · Posewire` : "Posewire";
  });
  const speak = typed(async (language) => {
    await useLanguage(language);
    redraw((n) => n + 1);
  });
  const leave = async () => {
    await ask("/api/session", { method: "DELETE" });
    location.reload();
  };
  return html`
    <a class="skip" href="#main" onClick=${(/** @type {Event} */ event) => (event.preventDefault(), document.getElementById("main")?.focus())}>${t("To the content")}</a>
    <header class="top">
      <span class="brand"><img src="/page/icon.svg" width="24" height="24" alt="" />Posewire</span>
      <nav aria-label=${t("Views")}>${session && views.map((each) => html`<a href=${`#/${each.path}`} aria-current=${each === view ? "page" : undefined}>${t(each.name)}</a>`)}</nav>
      <div class="tools">
        ${session && html`<${Presence} />`}
        <label><span class="visually-hidden">${t("Language")}</span>
          <select value=${currentLanguage()} onChange=${speak}>${languages.map(([code, name]) => html`<option value=${code} selected=${code === currentLanguage()}>${name}</option>`)}</select></label>
        <button onClick=${flip} aria-label=${theme === "dark" ? t("Light look") : t("Dark look")}>${theme === "dark" ? "☀" : "☾"}</button>
        ${session && !LOCAL && html`<button aria-expanded=${phone} onClick=${() => setPhone(!phone)}>${t("On a phone")}</button>`}
        ${session?.authentication && html`<button onClick=${leave}>${t("Sign out")}</button>`}
      </div>
    </header>
    <main id="main" tabindex="-1">
      ${phone && html`<section class="card row"><${Qr} text=${location.origin} /><p>${location.origin}</p></section>`}
      <${Away} />
      ${
        session
          ? html`<${view.view} rest=${rest} may=${may} can=${can} session=${session} looker=${looker} />`
          : html`<${SignIn} onSession=${onSession} problem=${problem} command=${refused?.answer.command} />`
      }
    </main>`;
}

async function start() {
  await useLanguage();
  const problem = await followLink();
  const root = /** @type {HTMLElement} */ (document.getElementById("app"));
  root.replaceChildren();
  let live = false;
  /** @type {(session: Host.Session | null, refused?: import("./api.js").RefusedError | null) => void} */
  const show = (session, refused = null) => {
    if (session && !live) {
      live = true;
      goLive();
    }
    render(html`<${App} session=${session} refused=${refused} problem=${problem} onSession=${show} />`, root);
  };
  for (;;) {
    try {
      show(await ask("/api/session"));
      return;
    } catch (error) {
      if (error.code === "unauthorized") return show(null, error);
      // Another refusal is none that a token changes; it may pass, as the host's absence does.
      root.textContent = `${inWords(error)} ${t("Trying again…")}`;
      await new Promise((resolve) => setTimeout(resolve, 2000));
      root.replaceChildren();
    }
  }
}

start();

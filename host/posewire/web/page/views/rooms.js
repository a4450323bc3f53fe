/** The rooms, and one of them in space: who is in it, what is published, how well it arrives. */

import { html, useEffect, useRef, useState } from "/vendor/htm-preact.js";
import { ask, useOutcome, usePolled } from "../api.js";
import { useHost } from "../live.js";
import { Check, Command, Outcome, Qr, Table, Ticking, Trouble } from "../parts.js";
import { Scene, cssColor } from "../scene/scene.js";
import { HostRecord, Record, Recordings } from "./recordings.js";
import { dayAndTime, t } from "../text.js";

const POLL_MS = 2000;

export function Rooms({ rest, may, session, looker }) {
  const { host, state } = useHost();
  const chosen = rest[0];
  const { value, error } = usePolled(may("operator.read") ? "/api/rooms" : null, POLL_MS);
  const open = (event) => {
    event.preventDefault();
    location.hash = `#/rooms/${encodeURIComponent(String(new FormData(event.target).get("room")))}`;
  };
  const columns = [
    {
      name: t("Room"),
      of: ({ room }) => room,
      show: ({ room }) => html`<a href=${`#/rooms/${encodeURIComponent(room)}`}>${room}</a>`,
    },
    { name: t("Members"), number: true, of: ({ members }) => members.length },
    { name: t("Publishing"), number: true, of: ({ members }) => members.filter(({ publish }) => publish.length).length },
    {
      name: t("Poses a second"),
      number: true,
      of: ({ members }) => Math.round(members.reduce((sum, { rates }) => sum + (rates.pose?.fps ?? 0), 0)),
    },
    { name: t("Locked"), of: ({ locked }) => Number(locked), show: ({ locked }) => (locked ? t("locked") : "") },
  ];
  return html`
    ${
      chosen &&
      host &&
      html`<${Room} key=${`${chosen} ${host.device}`} name=${chosen} host=${host} state=${state} may=${may} session=${session}
      described=${value?.rooms.find(({ room }) => room === chosen)} />`
    }
    ${
      !looker &&
      html`<section class="card">
      <div class="row"><h1 class="grow">${t("Rooms")}</h1>
        <form class="row" onSubmit=${open}><label>${t("Room")} <input name="room" required maxlength="64" size="12" /></label><button>${t("Look")}</button></form></div>
      <${Trouble} error=${error} />
      ${value && (value.rooms.length ? html`<${Table} label=${t("Rooms")} rows=${value.rooms} keyOf=${({ room }) => room} selected=${chosen} columns=${columns} />` : html`<p>${t("There is no room: the first member makes one.")}</p>`)}
    </section>`
    }
    <${Recordings} may=${may} />`;
}

/**
 * Be in a room as long as the view is open, also when it was not there yet; returns the room, and why there is none.
 * @param {import("/posewire/v1/client/posewire.js").HostConnection} host
 * @param {string} name
 * @param {string} state
 */
function useRoom(host, name, state) {
  const [room, setRoom] = useState(/** @type {any} */ (null));
  const [problem, setProblem] = useState("");
  const [, look] = useState(0);
  useEffect(() => {
    if (state !== "connected" || (room && room.closed === null)) return undefined;
    let current = true;
    let timer = 0;
    const join = async () => {
      try {
        const joined = await host.join(name, { create: false });
        if (!current) return;
        const again = () => look((n) => n + 1);
        for (const event of ["welcome", "joined", "left", "away", "back", "role", "locked"]) joined.on(event, again);
        joined.on("closed", (reason) => {
          setProblem(reason);
          setRoom(null);
        });
        setProblem("");
        setRoom(joined);
      } catch (error) {
        if (!current) return;
        setProblem(error.code === "no_such_room" ? t("Nobody is in this room yet.") : error.message);
        timer = setTimeout(join, 1000);
      }
    };
    join();
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [host, name, state, room]);
  useEffect(() => () => void (room && room.closed === null && host.connected && room.leave().catch(() => {})), [room]);
  return { room, problem };
}

function Room({ name, host, state, may, session, described }) {
  const { room, problem } = useRoom(host, name, state);
  const canvas = useRef(/** @type {HTMLCanvasElement | null} */ (null));
  const scene = useRef(/** @type {Scene | null} */ (null));
  const [options, setOptions] = useState({ trails: true, together: false });
  const [noGl, setNoGl] = useState("");
  const [outcome, run] = useOutcome();
  const [shared, setShared] = useState(/** @type {{address: string, until: string} | null} */ (null));
  useEffect(() => {
    try {
      scene.current = new Scene(canvas.current);
    } catch (error) {
      setNoGl(error.message);
    }
    globalThis.scene = scene.current; // for tests and the console
    return () => scene.current?.close();
  }, []);
  useEffect(() => room?.on("pose", (pose) => scene.current?.update(pose)), [room]);
  if (scene.current) scene.current.options = options;
  const option = (key, label) =>
    html`<${Check} label=${label} checked=${options[key]} onChange=${(event) => setOptions({ ...options, [key]: event.target.checked })} />`;
  const whole = () => canvas.current.parentElement.requestFullscreen();
  const link = () =>
    run(async () => {
      const { token, expires } = await ask(`/api/rooms/${encodeURIComponent(name)}/links`, { body: { hours: 24 } });
      const address = `${location.origin}/#link=${token}&room=${encodeURIComponent(name)}`;
      await navigator.clipboard?.writeText(address).catch(() => {});
      setShared({ address, until: dayAndTime(expires) });
    });
  const owner = room?.role === "owner";
  const members = [...(room?.members.values() ?? [])].map((member) => ({
    ...member,
    rates: described?.members.find((known) => known.member_id === member.memberId),
  }));
  return html`<section class="card" aria-label=${t("Room {name}", { name })}>
    <div class="row">
      <h1 class="grow">${name} ${room?.locked ? html`<span class="warn">${t("locked")}</span>` : ""}</h1>
      ${option("trails", t("trails"))} ${option("together", t("in one space"))}
      <${Record} room=${room} />
      ${may("operator.act") && html`<${HostRecord} name=${name} />`}
      <button onClick=${whole}>${t("Whole screen")}</button>
      ${session.authentication && may("operator.act") && html`<button onClick=${link}>${t("Link to look")}</button>`}
    </div>
    <${Outcome} outcome=${outcome} />
    ${
      shared &&
      html`<div class="note stack" role="status">
      <p>${t("Until {time}, who has this address sees the room:", { time: shared.until })}</p>
      <${Command} text=${shared.address} />
      <p class="row"><${Qr} text=${shared.address} /><button onClick=${() => setShared(null)}>${t("Close")}</button></p>
    </div>`
    }
    <div class="stage">
      <canvas ref=${canvas} tabindex="0" role="img" aria-label=${t("The poses in space. Arrow keys turn the view, plus and minus come closer and go away, 0 is the beginning.")}></canvas>
      <div class="labels"><${Ticking} everyMs=${500} text=${() => html`<${Labels} scene=${scene.current} />`} /></div>
      ${(problem || noGl) && html`<p class="empty" role="status">${noGl || problem}</p>`}
    </div>
    <h2>${t("Members")}</h2>
    <${Table} label=${t("Members")} rows=${members} keyOf=${({ memberId }) => memberId} columns=${[
      {
        name: t("Name"),
        of: ({ device }) => device,
        show: ({ device, memberId }) => (memberId === room.memberId ? t("this page") : device),
      },
      { name: t("Role"), of: ({ role }) => t(role) },
      { name: t("Publishes"), of: ({ publish }) => publish.map(t).join(", ") },
      { name: t("State"), of: ({ away }) => (away ? t("away") : t("there")) },
      { name: t("Sends a second"), number: true, of: ({ rates }) => rates?.rates.pose?.fps },
      { name: "kbit/s", number: true, of: ({ rates }) => rates?.rates.pose?.kbit_s },
      { name: t("Missed"), number: true, of: ({ rates }) => rates && rates.dropped.pose + rates.dropped.audio },
      { name: t("Number"), number: true, of: ({ memberId }) => memberId },
      ...(owner
        ? [
            {
              name: t("As the owner"),
              of: () => 0,
              show: ({ memberId, role }) =>
                memberId !== room.memberId &&
                html`<button onClick=${() => run(() => room.kick(memberId))}>${t("Remove")}</button>
                  ${role !== "watcher" && html`<button onClick=${() => run(() => room.passOn(memberId))}>${t("Make owner")}</button>`}`,
            },
          ]
        : []),
    ]} />
    ${owner && html`<p><button onClick=${() => run(() => room.lock(!room.locked))}>${room.locked ? t("Unlock") : t("Lock")}</button></p>`}
  </section>`;
}

function Labels({ scene }) {
  return (scene?.streams() ?? []).map(
    ({ index, device, stream, sets, fps, delayMs, silentMs, lost }) => html`<span class="label" key=${`${device} ${stream}`}>
      <span class="swatch" style=${{ background: cssColor(index) }}></span>${device} ${sets.join("+")} ·
      ${silentMs > 1500 ? html`<b> ${t("silent for {seconds} s", { seconds: Math.round(silentMs / 1000) })}</b>` : ` ${t("{count} a second arrive", { count: fps.toFixed(0) })} · +${Math.round(delayMs)} ms`} · ${t("lost")} ${(100 * lost).toFixed(1)} %
    </span>`,
  );
}

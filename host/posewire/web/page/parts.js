/** Small parts that several views use. */

import { html, useEffect, useState } from "/vendor/htm-preact.js";
import { drawQr, inWords } from "./api.js";
import { t } from "./text.js";

/** What came of something: read aloud by screen readers. */
export const Outcome = ({ outcome }) =>
  html`<div role="status" aria-live="polite">${outcome && html`<p class=${outcome.bad ? "note bad" : "note"}>${outcome.text}</p>`}</div>`;

/** An error of the host, if there is one. */
export const Trouble = ({ error }) =>
  error &&
  html`<p class="note bad" role="alert">${error.status === 403 ? t("Your token does not allow this.") : inWords(error)}</p>`;

/** A question that is a form: its fields are the children, `onSubmit` gets their values by name, and the form. */
export const Form = ({ label, button, onSubmit, children, disabled }) =>
  html`<form class="row" aria-label=${label} onSubmit=${(event) => {
    event.preventDefault();
    onSubmit(Object.fromEntries(new FormData(event.target)), event.target);
  }}>${children}<button class="main" disabled=${disabled}>${button}</button></form>`;

/** A field of a form with its label above; `grow`: as wide as there is room. */
export const Field = ({ label, grow, children }) =>
  html`<label class=${grow ? "field grow" : "field"}><span>${label}</span>${children}</label>`;

/** A box to tick, and its label. */
export const Check = ({ label, ...input }) => html`<label class="check"><input type="checkbox" ...${input} /> ${label}</label>`;

/** A command for the shell, to be copied. */
export function Command({ text }) {
  const [copied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 1500);
  };
  return html`<div class="command"><pre tabindex="0">${text}</pre>
    ${navigator.clipboard && html`<button onClick=${copy} aria-label=${t("Copy: {text}", { text })}>${copied ? t("Copied") : t("Copy")}</button>`}</div>`;
}

/** An address for telephones, as a QR code: the host draws it. */
export function Qr({ text }) {
  const [drawing, setDrawing] = useState("");
  useEffect(() => {
    drawQr(text).then(setDrawing, () => setDrawing(""));
  }, [text]);
  return drawing && html`<img class="qr" src=${`data:image/svg+xml,${encodeURIComponent(drawing)}`} alt=${t("A QR code of {text}", { text })} />`;
}

/** Names and values. */
export const Facts = ({ facts }) =>
  html`<dl class="facts">${facts
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;

/** A table whose columns sort: `columns` are {name, of, show?, number?, wide?}, `of` returns what is sorted by. */
export function Table({ columns, rows, keyOf, selected, label }) {
  const [order, setOrder] = useState({ column: 0, down: false });
  const { of } = columns[order.column];
  const sorted = [...rows].sort((a, b) => compare(of(a), of(b)) * (order.down ? -1 : 1));
  const sort = (column) => setOrder({ column, down: order.column === column && !order.down });
  const direction = order.down ? "descending" : "ascending";
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
    <caption class="visually-hidden">${label}</caption>
    <thead><tr>${columns.map(
      (column, index) => html`<th scope="col" class=${`${column.number ? "number" : ""} ${column.wide ? "wide" : ""}`}
        aria-sort=${order.column === index ? direction : "none"}><button onClick=${() => sort(index)}>${column.name}${order.column === index ? (order.down ? " ▾" : " ▴") : ""}</button></th>`,
    )}</tr></thead>
    <tbody>${sorted.map(
      (row) =>
        html`<tr key=${keyOf(row)} class=${keyOf(row) === selected ? "selected" : ""}>${columns.map(
          (column) =>
            html`<td class=${`${column.number ? "number" : ""} ${column.wide ? "wide" : ""}`}>${(column.show ?? column.of)(row) ?? ""}</td>`,
        )}</tr>`,
    )}</tbody>
  </table></div>`;
}

const compare = (a, b) =>
  a === b ? 0 : (a ?? null) === null ? 1 : (b ?? null) === null ? -1 : typeof a === "string" ? a.localeCompare(b) : a - b;

/** A line of text that is redrawn now and then, without its parent. */
export function Ticking({ everyMs, text }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return text();
}

/** So many milliseconds, for people. */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

/** So many bytes, for people. */
export const kilobytes = (bytes) => `${Math.floor(bytes / 1024)} KB`;

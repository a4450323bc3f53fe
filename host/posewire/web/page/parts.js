/** Small parts that several views use. */

import { html, useEffect, useState } from "/vendor/htm-preact.js";
import { HostUnreachableError } from "/posewire/v1/client/errors.js";
import { drawQr, inWords } from "./api.js";
import { t } from "./text.js";

/** Who clicks twice wants it once. @param {MouseEvent} event */
const once = (event) => event.detail > 1 && event.preventDefault();

/** A handler that passes on what was typed or chosen. @type {(take: (value: string) => void) => (event: any) => void} */
export const typed = (take) => (event) => take(event.target.value);

/** What came of something: read aloud by screen readers. @param {{outcome: Page.Outcome | null}} props */
export const Outcome = ({ outcome }) =>
  html`<div role="status" aria-live="polite">${outcome && html`<p class=${outcome.bad ? "note bad" : "note"}>${outcome.text}</p>`}</div>`;

/** An error of the host, if there is one; that it does not answer at all stands above all views. @param {{error: import("/posewire/v1/client/posewire.js").PosewireError | null}} props */
export const Trouble = ({ error }) =>
  error &&
  !(error instanceof HostUnreachableError) &&
  html`<p class="note bad" role="alert">${error.code === "forbidden" ? t("Your token does not allow this.") : inWords(error)}</p>`;

/**
 * A question that is a form: its fields are the children, `onSubmit` gets their values by name, and the form.
 * @param {{label: string, button: string, onSubmit: (values: Page.Values, form: HTMLFormElement) => unknown,
 *   children?: any, disabled?: boolean}} props
 */
export function Form({ label, button, onSubmit, children, disabled }) {
  const submit = (/** @type {any} */ event) => {
    event.preventDefault();
    onSubmit(Object.fromEntries(new FormData(event.target)), event.target);
  };
  return html`<form class="row" aria-label=${label} onSubmit=${submit}>${children}<button class="main" disabled=${disabled} onClick=${once}>${button}</button></form>`;
}

/** A field of a form with its label above; `grow`: as wide as there is room. @param {{label: string, grow?: boolean, children?: any}} props */
export const Field = ({ label, grow, children }) =>
  html`<label class=${grow ? "field grow" : "field"}><span>${label}</span>${children}</label>`;

/** A box to tick, and its label. @param {{label: string, name?: string, checked?: boolean, onTick?: (ticked: boolean) => void}} props */
export const Check = ({ label, name, checked, onTick }) =>
  html`<label class="check"><input type="checkbox" name=${name} checked=${checked} onChange=${(/** @type {any} */ event) => onTick?.(event.target.checked)} /> ${label}</label>`;

/** A command for the shell, or another text to be copied. @param {{text: string}} props */
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

/** An address for telephones, as a QR code: the host draws it. @param {{text: string}} props */
export function Qr({ text }) {
  const [drawing, setDrawing] = useState("");
  useEffect(() => {
    drawQr(text).then(setDrawing, () => setDrawing(""));
  }, [text]);
  return drawing && html`<img class="qr" src=${`data:image/svg+xml,${encodeURIComponent(drawing)}`} alt=${t("A QR code of {text}", { text })} />`;
}

/** Names and values; what has no value is left out. @param {{facts: [string, unknown][]}} props */
export const Facts = ({ facts }) =>
  html`<dl class="facts">${facts
    .filter(([, value]) => value !== null && value !== undefined && value !== "")
    .map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>`;

/**
 * A table whose columns sort.
 * @template Row
 * @param {{columns: Page.Column<Row>[], rows: Row[], keyOf: (row: Row) => string | number, selected?: string, label: string}} props
 */
export function Table({ columns, rows, keyOf, selected, label }) {
  const [order, setOrder] = useState({ name: columns[0]?.name, down: false });
  // By its name: some columns come and go.
  const chosen = columns.find(({ name }) => name === order.name) ?? columns[0];
  const of = chosen?.of ?? (() => 0);
  const sorted = [...rows].sort((a, b) => compare(of(a), of(b)) * (order.down ? -1 : 1));
  const sort = (/** @type {string} */ name) => setOrder({ name, down: chosen?.name === name && !order.down });
  const direction = order.down ? "descending" : "ascending";
  return html`<div class="scroll" tabindex="0" role="region" aria-label=${label}><table>
    <caption class="visually-hidden">${label}</caption>
    <thead><tr>${columns.map(
      (column) => html`<th scope="col" class=${column.number && "number"}
        aria-sort=${column === chosen ? direction : "none"}><button onClick=${() => sort(column.name)}>${column.name}</button></th>`,
    )}</tr></thead>
    <tbody>${sorted.map(
      (row) =>
        html`<tr key=${keyOf(row)} class=${keyOf(row) === selected ? "selected" : ""}>${columns.map(
          ({ of, show, number }) => html`<td class=${number && "number"}>${(show ?? of)(row) ?? ""}</td>`,
        )}</tr>`,
    )}</tbody>
  </table></div>`;
}

/** @typedef {string | number | null | undefined} Sorted */

/** What is not there comes last. @param {Sorted} a @param {Sorted} b */
function compare(a, b) {
  if (a === b) return 0;
  if (a === null || a === undefined) return 1;
  if (b === null || b === undefined) return -1;
  return typeof a === "string" ? a.localeCompare(String(b)) : a - Number(b);
}

/** Something that is redrawn now and then, without its parent. @param {{everyMs: number, text: () => unknown}} props */
export function Ticking({ everyMs, text }) {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((n) => n + 1), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return text();
}

/** So many milliseconds, for people. @param {number} ms */
export function duration(ms) {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172800 ? `${Math.round(seconds / 3600)} h` : `${Math.round(seconds / 86400)} d`;
}

/** So many bytes, for people. @param {number} bytes */
export const kilobytes = (bytes) => `${Math.floor(bytes / 1024)} KB`;

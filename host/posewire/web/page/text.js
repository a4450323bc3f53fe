/** The page's texts. English is in the code; each other language is one file, from the English text to its own. */

/** @type {Record<string, () => Promise<{default: Record<string, string>}>>} */
const LANGUAGES = { zh: () => import("./text/zh.js") };
const NAMES = { en: "English", zh: "中文" };

let language = "en";
/** @type {Record<string, string>} */
let texts = {};

/** The languages that there are, by their codes. */
export const languages = Object.entries(NAMES);

/** The language in use. */
export const currentLanguage = () => language;

/**
 * Use a language; unless given, the one that was used before, or the browser's.
 * @param {string} [wanted]
 */
export async function useLanguage(wanted) {
  const asked = [wanted, localStorage.getItem("language"), ...navigator.languages].map((name) => name?.split("-")[0]);
  language = asked.find((name) => name && name in NAMES) ?? "en";
  if (wanted) localStorage.setItem("language", language);
  texts = language in LANGUAGES ? (await LANGUAGES[language]()).default : {};
  document.documentElement.lang = language;
}

/**
 * Return a text in the language in use; `{name}` stands for a value.
 * @param {string} english
 * @param {Record<string, string | number>} [values]
 */
export function t(english, values = {}) {
  const text = texts[english] ?? english;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/**
 * Return what an error says. In English its own words say it; in another language what its code means, with its own
 * words behind: they name what it is about.
 * @param {string} code stable (docs/wire.md section 2.1)
 * @param {string} words
 */
export function errorText(code, words) {
  const meaning = texts[`error ${code}`];
  return meaning ? t("{meaning} ({words})", { meaning, words }) : words;
}

/** The browser's own way to write times where it speaks the language in use, else the language's. */
const locale = () => navigator.languages.find((name) => name.split("-")[0] === language) ?? language;

/** A time of day. @param {number} seconds since 1970 */
export const clockTime = (seconds) => new Date(1000 * seconds).toLocaleTimeString(locale());

/** A time of day without seconds. @param {number} seconds since 1970 */
export const shortTime = (seconds) => new Date(1000 * seconds).toLocaleTimeString(locale(), { hour: "numeric", minute: "2-digit" });

/** A moment of today by its time, another with its day. @param {number} seconds since 1970 */
export const momentTime = (seconds) =>
  new Date(1000 * seconds).toDateString() === new Date().toDateString() ? shortTime(seconds) : dayAndTime(seconds);

/** A day and its time. @param {number} seconds since 1970 */
export const dayAndTime = (seconds) => new Date(1000 * seconds).toLocaleString(locale());

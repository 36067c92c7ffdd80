// Texts in the reader's language, and how numbers and times are written.

let texts = {};
let language = "en";

export async function loadWords() {
  const wanted = (navigator.languages ?? [navigator.language]).map((tag) => tag.slice(0, 2).toLowerCase());
  language = wanted.find((tag) => tag === "ko" || tag === "en") ?? "en";
  const answer = await fetch(`/messages.json?lang=${language}`);
  if (!answer.ok) throw new Error(`messages.json answered ${answer.status}`);
  texts = (await answer.json()).texts;
  document.documentElement.lang = language;
}

// The text of a key with its {placeholders} filled in; the key itself where there is none, so that a gap is seen.
export function t(key, values = {}) {
  return (texts[key] ?? key).replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export function hasText(key) {
  return key in texts;
}

export function number(value, digits = 0) {
  return value.toLocaleString(language, { maximumFractionDigits: digits });
}

// Two decimals, as the views of the database have them: 0.10 %.
export function share(part, whole) {
  const value = whole > 0 ? (part / whole) * 100 : 0;
  return `${value.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 })} %`;
}

// Three significant digits below 100, whole numbers above: 0.42, 7.3, 58.1, 1,180.
export function rate(value) {
  return number(value, value >= 100 ? 0 : value >= 10 ? 1 : 2);
}

export function bytes(value) {
  const units = ["B", "KB", "MB", "GB", "TB"];
  let step = 0;
  while (value >= 1000 && step < units.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${number(value, step === 0 ? 0 : 1)} ${units[step]}`;
}

// The largest unit that leaves at least one of it.
export function duration(seconds) {
  if (seconds < 90) return t("time.seconds", { n: number(Math.max(0, Math.round(seconds))) });
  if (seconds < 90 * 60) return t("time.minutes", { n: number(Math.round(seconds / 60)) });
  if (seconds < 36 * 3600) return t("time.hours", { n: number(Math.round(seconds / 3600)) });
  return t("time.days", { n: number(Math.round(seconds / 86400)) });
}

export function ago(seconds) {
  return t("time.ago", { time: duration(seconds) });
}

export function exact(moment) {
  return new Date(moment).toLocaleString(language, { dateStyle: "medium", timeStyle: "medium" });
}

export function secondsSince(moment) {
  return (Date.now() - new Date(moment).getTime()) / 1000;
}

// The tables being watched.

import { badge, el, empty, progress, table } from "/parts.js";
import { duration, number, share, t } from "/words.js";

export const addCommand = "millrace source add --table TABLE --key id --text title --into embedding";

const stateKinds = { backfilling: "running", active: "done", suspended: "held" };
const countKinds = { pending: "waiting", processing: "running", completed: "done", failed: "failed", skipped: "held" };

export function render({ status }) {
  if (!status) return [el("div", { class: "card" }, "–")];
  if (status.sources.length === 0) {
    return [empty(t("sources.empty_title"), t("sources.empty_text"), addCommand)];
  }
  return status.sources.map((source) => el("section", {}, sourceCard(source), details(source)));
}

export function sourceCard(source) {
  const settled = source.counts.completed + source.counts.failed + source.counts.skipped;
  // Of a table that cannot be read no row is counted.
  const done = settled >= source.total && (source.fault === null || source.total > 0);
  return el(
    "div", { class: "card stack" },
    el(
      "div", { class: "between" },
      el("div", { class: "line" }, el("strong", {}, source.collection), badge(stateKinds[source.state], t(`source.${source.state}`))),
      el("span", {}, `${number(source.progress_percentage, 1)} %`),
    ),
    source.fault === null ? null : el("p", { class: "failed" }, source.fault),
    progress(source.progress_percentage, t("sources.progress_of", { name: source.collection })),
    el(
      "div", { class: "between label" },
      el("span", {}, t("sources.settled", { done: number(settled), total: number(source.total) })),
      el("span", {}, done ? t("sources.up_to_date") : source.eta_seconds === null ? t("sources.no_eta") : t("time.left", { time: duration(source.eta_seconds) })),
    ),
  );
}

function details(source) {
  const states = Object.keys(countKinds);
  return el(
    "div", { class: "halves" },
    el("dl", { class: "card facts" },
      el("dt", {}, t("column.table")), el("dd", { class: "code" }, source.table),
      el("dt", {}, t("column.key")), el("dd", { class: "code" }, source.key.join(", ")),
      el("dt", {}, t("column.text")), el("dd", { class: "code" }, source.text.join(", ")),
      el("dt", {}, t("column.into")), el("dd", { class: "code" }, source.into),
      el("dt", {}, t("column.model")), el("dd", { class: "code" }, source.model)),
    table(t("sources.rows_by_status", { name: source.collection }), [
      { label: t("column.status"), cell: (state) => badge(countKinds[state], t(`row.${state}`)) },
      { label: t("column.rows"), number: true, cell: (state) => number(source.counts[state]) },
      { label: t("column.share"), number: true, cell: (state) => share(source.counts[state], source.total) },
    ], states),
  );
}

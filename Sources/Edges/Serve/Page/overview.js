// The whole at a glance: queue, rate, sources, failures, index.

import { action, badge, copyable, el, empty, jobBadge, jobStates, section, sparkline, table } from "/parts.js";
import { addCommand, sourceCard } from "/sources.js";
import { bytes, duration, hasText, number, rate, t } from "/words.js";

export function render({ status }) {
  if (status && status.sources.length === 0) {
    return [empty(t("overview.empty_title"), t("overview.empty_text"), addCommand)];
  }
  return [
    section(t("overview.queue"), queue(status?.jobs), openTransaction(status?.database.oldest_transaction)),
    section(t("overview.rate"), speed(status?.rate)),
    section(t("nav.sources"), status ? el("div", { class: "stack" }, status.sources.map(sourceCard)) : el("div", { class: "card" }, "–")),
    status && section(t("overview.failures"), failures(status.failures)),
    status?.index.length > 0 && section(t("overview.index"), index(status.index)),
  ];
}

function queue(jobs) {
  return el("div", { class: "tiles" }, jobStates.map((state) => el(
    "a", { class: "card tile", href: `#/jobs?state=${state}` },
    el("div", { class: "figure" }, jobs ? number(jobs[state]) : "–"),
    jobBadge(state),
  )));
}

// Short ones come and go; one that stays keeps the database from cleaning up.
function openTransaction(transaction) {
  if (!transaction || transaction.seconds < 10) return null;
  return el("div", { class: "card" }, badge("waiting", t("overview.open_transaction", {
    time: duration(transaction.seconds), pid: transaction.pid, program: transaction.application || "?",
  })));
}

function speed(data) {
  return el(
    "div", { class: "card rate" },
    el(
      "div", {},
      el("div", { class: "figure", id: "rate" }, data ? rate(data.per_second) : "–"),
      el("div", { class: "label" }, t("overview.rate_unit")),
    ),
    sparkline(data?.history ?? [], {
      label: t("overview.rate_chart", { now: data ? rate(data.per_second) : "–" }), unit: t("unit.per_second"), format: rate,
    }),
  );
}

function hint(reason) {
  const key = `hint.${reason}`;
  return hasText(key) ? t(key) : t("hint.other");
}

function failures(groups) {
  if (groups.length === 0) {
    return el("div", { class: "card" }, badge("done", t("overview.no_failures")));
  }
  return el("div", { class: "stack" }, groups.map((group) => el(
    "div", { class: "card stack" },
    el(
      "div", { class: "between" },
      el("div", { class: "line" }, badge("failed", group.reason), el("strong", {}, number(group.count)), el("span", { class: "muted" }, group.collection)),
      action("retry", t("retry.group", { count: number(group.count) }), { collection: group.collection, reason: group.reason }),
    ),
    el("dl", { class: "facts" },
      el("dt", {}, t("overview.example")), el("dd", {}, copyable(group.example.key), " ", group.example.error),
      el("dt", {}, t("overview.what_to_do")), el("dd", {}, hint(group.reason))),
  )));
}

function index(rows) {
  return table(t("overview.index"), [
    { label: t("column.collection"), cell: (row) => row.collection },
    { label: t("column.vectors"), number: true, cell: (row) => number(row.vectors) },
    { label: t("column.memory"), number: true, cell: (row) => bytes(row.bytes) },
    { label: t("column.position"), number: true, cell: (row) => number(row.position) },
  ], rows);
}

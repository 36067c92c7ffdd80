// The processes that embed.

import { badge, copyable, el, empty, moment, table } from "/parts.js";
import { ago, duration, number, secondsSince, t } from "/words.js";

const kinds = { idle: "waiting", running: "running", starting: "retrying", draining: "held", lost: "failed" };

export function render({ status }) {
  if (!status) return [el("div", { class: "card" }, "–")];
  if (status.workers.length === 0) {
    return [empty(t("workers.empty_title"), t("workers.empty_text"), "millrace worker")];
  }
  return [table(t("nav.workers"), [
    { label: t("column.worker"), cell: (worker) => [copyable(worker.name), el("div", { class: "label" }, [worker.host, worker.pid, worker.version].filter(Boolean).join(" · "))] },
    { label: t("column.state"), cell: (worker) => [badge(kinds[worker.state], t(`worker.${worker.state}`)), el("div", { class: "label" }, t("workers.seen", { time: ago(worker.seen_seconds_ago) }))] },
    { label: t("column.model"), cell: (worker) => [worker.model, el("div", { class: "label" }, worker.device)] },
    { label: t("workers.running_for"), cell: (worker) => moment(worker.started_at, duration(secondsSince(worker.started_at))) },
    { label: t("workers.rate"), number: true, cell: (worker) => number(Math.round(worker.rate_per_second * 10) / 10) },
    { label: t("workers.succeeded"), number: true, cell: (worker) => number(worker.succeeded) },
    { label: t("workers.failed"), number: true, cell: (worker) => number(worker.failed) },
    { label: t("workers.skipped"), number: true, cell: (worker) => number(worker.skipped) },
    { label: t("workers.truncated"), number: true, cell: (worker) => number(worker.truncated) },
  ], status.workers)];
}

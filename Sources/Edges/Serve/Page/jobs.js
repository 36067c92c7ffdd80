// Jobs by state, a page at a time, with retry.

import { get } from "/api.js";
import { action, copyable, el, empty, failure, jobBadge, jobStates, moment, table } from "/parts.js";
import { ago, duration, number, secondsSince, t } from "/words.js";

let shown = { state: null, jobs: null, cursor: null, problem: null };

function stateOf(query) {
  const state = query.get("state");
  return jobStates.includes(state) ? state : "dead";
}

export async function enter(query, redraw) {
  const state = stateOf(query);
  if (shown.state !== state) shown = { state, jobs: null, cursor: null, problem: null };
  await load(state, null, redraw);
}

async function load(state, cursor, redraw) {
  try {
    const page = await get("/api/jobs", { state, limit: 50, cursor });
    if (shown.state !== state) return;
    shown = { state, jobs: [...(cursor ? shown.jobs : []), ...page.jobs], cursor: page.next_cursor ?? null, problem: null };
  } catch (problem) {
    shown.problem = problem;
  }
  redraw();
}

export const actions = {
  more: (data, redraw) => load(shown.state, shown.cursor, redraw),
};

export function render({ status, query }) {
  const state = stateOf(query);
  const tabs = el("div", { class: "tabs" }, jobStates.map((name) => el(
    "a", { href: `#/jobs?state=${name}`, "aria-current": name === state && "page" },
    jobBadge(name), " ", status ? number(status.jobs[name]) : "",
  )));
  if (shown.problem) return [tabs, failure(shown.problem)];
  if (!shown.jobs) return [tabs, el("div", { class: "card" }, "–")];
  if (shown.jobs.length === 0) return [tabs, empty(t("jobs.empty_title", { state: t(`job.${state}`) }), t(`jobs.empty_${state}`))];
  const canRetry = state === "dead" || state === "held";
  const columns = [
    { label: t("column.item"), cell: (job) => [copyable(job.key), el("div", { class: "label" }, job.collection)] },
    { label: t("column.since"), cell: (job) => since(job) },
    { label: t("column.attempt"), number: true, cell: (job) => number(job.attempt) },
    { label: t("column.last_failure"), wide: true, cell: (job) => job.reason ? [el("div", {}, job.error ?? ""), el("div", { class: "label" }, job.reason)] : "–" },
  ];
  if (canRetry) {
    columns.push({ label: t("column.action"), cell: (job) => action(
      "retry", t("retry.one"), { collection: job.collection, key: job.key }, { "aria-label": t("retry.one_named", { key: job.key }) }) });
  }
  return [
    tabs,
    table(t(`job.${state}`), columns, shown.jobs),
    shown.cursor && el("div", {}, action("more", t("jobs.more"))),
  ];
}

// A job that is to be tried again has a moment to come.
function since(job) {
  const seconds = secondsSince(job.since);
  return moment(job.since, seconds < 0 ? t("time.in", { time: duration(-seconds) }) : ago(seconds));
}

// Search by text, or by an item: "more like this".

import { get, post } from "/api.js";
import { action, copyable, el, empty, failure, progress } from "/parts.js";
import { number, t } from "/words.js";

let shown = { address: null, answer: null, problem: null, busy: false };

export async function enter(query, redraw) {
  const address = query.toString();
  if (address === shown.address) return;
  shown = { address, answer: null, problem: null, busy: false };
  const text = query.get("q");
  const item = query.get("item");
  if (!text && !item) return;
  shown.busy = true;
  const k = Number(query.get("k") ?? 10);
  const collection = query.get("collection") ?? undefined;
  let result;
  try {
    const answer = item ? await post("/api/search", { item, k, collection }) : await get("/api/search", { q: text, k, collection });
    result = { answer, problem: null };
  } catch (problem) {
    result = { answer: null, problem };
  }
  // Another question may have been asked meanwhile.
  if (shown.address !== address) return;
  shown = { address, busy: false, ...result };
  redraw();
}

function go(values) {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value));
  // The same question again is asked again.
  if (query.toString() === shown.address) shown.address = null;
  if (location.hash === `#/search?${query}`) dispatchEvent(new Event("hashchange"));
  else location.hash = `#/search?${query}`;
}

export function submit(form) {
  go({ q: form.get("q"), k: form.get("k"), collection: form.get("collection") });
}

export const actions = {
  similar: ({ item, collection, k }) => go({ item, k, collection }),
};

export function render({ status, query }) {
  const collections = (status?.sources ?? []).map((source) => source.collection);
  if (status && collections.length === 0 && status.index.length === 0) {
    return [form([], query), empty(t("search.empty_title"), t("search.empty_text"), "millrace source add --help")];
  }
  return [form(collections, query), outcome(query)];
}

function form(collections, query) {
  const chosen = query.get("collection");
  return el(
    "form", { class: "card form", role: "search" },
    el("label", { class: "field text" }, el("span", { class: "label" }, t("search.text")),
      el("input", { name: "q", type: "search", value: query.get("q") ?? "", required: true, autocomplete: "off", maxlength: 10000 })),
    el("label", { class: collections.length > 1 ? "field" : "hidden", "aria-hidden": collections.length > 1 ? null : "true" },
      el("span", { class: "label" }, t("column.collection")),
      el("select", { name: "collection", disabled: collections.length < 2 },
        collections.map((name) => el("option", { value: name, selected: name === chosen }, name)))),
    el("label", { class: "field" }, el("span", { class: "label" }, t("search.count")),
      el("input", { name: "k", type: "number", min: 1, max: 10000, value: query.get("k") ?? 10, required: true })),
    el("button", { type: "submit", class: "primary" }, t("search.go")),
  );
}

function outcome(query) {
  if (shown.problem) return failure(shown.problem);
  if (shown.busy) return el("div", { class: "card muted" }, t("search.busy"));
  if (!shown.answer) return el("p", { class: "muted" }, t("search.start"));
  const { results, took_ms: milliseconds, method, collection } = shown.answer;
  const item = query.get("item");
  const k = query.get("k") ?? 10;
  if (results.length === 0) return empty(t("search.nothing_title"), t("search.nothing_text"));
  return el(
    "section", {},
    el("p", { class: "label" }, item ? t("search.like", { key: item }) : null, " ",
      t("search.summary", { count: number(results.length), time: number(milliseconds, 1), method: t(`search.${method}`), collection })),
    el("ol", { class: "card results", role: "list" }, results.map((result) => el(
      "li", { class: "result" },
      el("div", { class: "score" }, el("div", {}, result.score.toFixed(3)), progress(result.score * 100, t("search.score"))),
      el("div", {}, el("div", {}, result.text), el("div", { class: "label" }, copyable(result.key))),
      action("similar", t("search.similar"), { item: result.key, collection: result.collection, k }, { "aria-label": t("search.similar_to", { key: result.key }) }),
    ))),
  );
}

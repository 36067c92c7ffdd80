// The frame: navigation, the view of the present address, the connection's state, and clicks.

import { get, post, Problem } from "/api.js";
import { follow } from "/live.js";
import * as jobs from "/jobs.js";
import * as overview from "/overview.js";
import { action, badge, el, failure, patchChildren, toast } from "/parts.js";
import * as search from "/search.js";
import * as sources from "/sources.js";
import { loadWords, number, t } from "/words.js";
import * as workers from "/workers.js";

// A view: `render({status, query})` gives its nodes; `enter(query, redraw)` fetches what it shows beyond the status;
// `actions` answer clicks on elements with `data-action`.
const views = { overview, search, sources, jobs, workers };

const icons = {
  overview: "M2.5 9.5v6h4v-6zm5.5-7v13h4v-13zm5.5 4v9h4v-9z",
  search: "M8.5 2.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12zm4.3 10.3 4.7 4.7",
  sources: "M3 4.5h14v3H3zm0 4.5h14v3H3zm0 4.5h14v3H3z",
  jobs: "M7 5h10M7 10h10M7 15h10M3 5h.1M3 10h.1M3 15h.1",
  workers: "M5.5 5.5h9v9h-9zM8 2.5v3m4-3v3m-4 9v3m4-3v3m-9.5-9.5h3m-3 4h3m9-4h3m-3 4h3",
};

let live = { status: null, problem: null, lost: false };
// Whether the server asks for a token, so that there is something to sign out of.
let hasLogin = false;
const main = document.getElementById("main");

function address() {
  const [name, query] = location.hash.replace(/^#\/?/, "").split("?");
  return { name: name in views ? name : "overview", query: new URLSearchParams(query) };
}

function drawNavigation(current) {
  const items = Object.keys(views).map((name) => el(
    "li", {},
    el(
      "a", { href: `#/${name}`, "aria-current": name === current && "page" },
      el("svg", { viewBox: "0 0 20 20", fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true" },
        el("path", { d: icons[name] })),
      el("span", {}, t(`nav.${name}`)),
    ),
  ));
  patchChildren(document.getElementById("nav"), [
    el("div", { class: "brand" }, el("img", { src: "/favicon.svg", alt: "" }), "Millrace"),
    el("ul", {}, items),
    el("div", { class: "version label" }, live.status ? t("app.version", { version: live.status.version }) : ""),
  ]);
}

function drawBanner() {
  const nodes = [];
  if (live.lost) nodes.push(el("div", {}, badge("retrying", t("live.lost"))));
  else if (live.problem) nodes.push(el("div", {}, badge("failed", t("live.problem", { message: live.problem.message }))));
  patchChildren(document.getElementById("banner"), nodes);
}

function draw() {
  const { name, query } = address();
  document.title = `${t(`nav.${name}`)} · Millrace`;
  drawNavigation(name);
  drawBanner();
  const content = views[name].render({ status: live.status, query });
  const title = el("h1", { id: `${name}-title` }, t(`nav.${name}`));
  const head = el("div", { class: "between" }, title, hasLogin && action("signOut", t("session.sign_out")));
  patchChildren(main, [head, ...content.flat(2).filter(Boolean)]);
}

function enter() {
  const { name, query } = address();
  views[name].enter?.(query, draw);
  draw();
}

// Browsers keep the clipboard from pages that came over plain HTTP from another machine; the old way works there.
async function copy(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = el("textarea", { class: "hidden" }, text);
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

const common = {
  async signOut() {
    await post("/logout", {});
    location.assign("/login");
  },
  async copy({ text }) {
    await copy(text);
    toast(t("copy.done"));
  },
  async retry({ collection, reason, key }) {
    const answer = await post("/api/jobs/retry", { collection, reason, key });
    toast(t("retry.done", { count: number(answer.count) }));
    const { name, query } = address();
    views[name].enter?.(query, draw);
  },
};

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-action]");
  if (!button || button.disabled) return;
  const { action, ...data } = button.dataset;
  const handler = views[address().name].actions?.[action] ?? common[action];
  button.disabled = true;
  try {
    await handler?.(data, draw);
  } catch (error) {
    toast(error instanceof Problem ? `${error.message} ${error.detail}` : String(error));
  } finally {
    button.disabled = false;
  }
});

document.addEventListener("submit", (event) => {
  event.preventDefault();
  views[address().name].submit?.(new FormData(event.target));
});

document.getElementById("skip").addEventListener("click", (event) => {
  // The address belongs to the views, so the jump is made here.
  event.preventDefault();
  main.focus();
});

try {
  await loadWords();
  hasLogin = (await get("/api/session")).login;
  document.getElementById("skip").textContent = t("app.skip");
  let shown = address().name;
  addEventListener("hashchange", () => {
    if (address().name !== shown) {
      shown = address().name;
      main.replaceChildren();
      scrollTo(0, 0);
    }
    enter();
    // An address that was gone to decides what the controls hold; between addresses they are the reader's.
    for (const control of main.querySelectorAll("input[value]")) control.value = control.getAttribute("value");
  });
  enter();
  follow((state) => {
    live = state;
    draw();
  });
} catch (error) {
  patchChildren(main, [failure({ message: "Millrace", detail: String(error) })]);
}

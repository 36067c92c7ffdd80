// The parts that views are made of. Data becomes text nodes and attributes only, never markup.

import { exact, number, t } from "/words.js";

const svgNames = new Set(["svg", "path", "line", "circle"]);

// An element; `attributes` with the value false, null or undefined are left out, and so are such children.
export function el(name, attributes = {}, ...children) {
  const node = svgNames.has(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    node.setAttribute(key, value === true ? "" : String(value));
  }
  for (const child of children.flat(3)) {
    if (child === false || child === null || child === undefined) continue;
    node.append(child instanceof Node ? child : String(child));
  }
  return node;
}

// Makes `old` like `fresh` while keeping the nodes that are there, so that focus, selection and scrolling stay.
export function patch(old, fresh) {
  if (old.nodeType !== fresh.nodeType || old.nodeName !== fresh.nodeName || old.id !== fresh.id) {
    old.replaceWith(fresh);
    return;
  }
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  // What somebody is typing is theirs: a control keeps its value.
  patchChildren(old, [...fresh.childNodes]);
}

export function patchChildren(parent, fresh) {
  const old = [...parent.childNodes];
  fresh.forEach((node, index) => {
    if (index < old.length) patch(old[index], node);
    else parent.append(node);
  });
  old.slice(fresh.length).forEach((node) => node.remove());
}

const shapes = { waiting: "○", running: "◐", done: "●", retrying: "↻", failed: "✕", held: "‖" };

export function badge(kind, text) {
  return el("span", { class: `badge ${kind}` }, el("span", { class: "shape", "aria-hidden": "true" }, shapes[kind]), text);
}

const jobKinds = { available: "waiting", running: "running", scheduled: "retrying", held: "held", dead: "failed" };
export const jobStates = Object.keys(jobKinds);

export function jobBadge(state) {
  return badge(jobKinds[state] ?? "waiting", t(`job.${state}`));
}

export function section(title, ...content) {
  return el("section", {}, el("h2", {}, title), content);
}

export function progress(percentage, label) {
  const value = Math.min(100, Math.max(0, percentage));
  return el("progress", { max: 100, value, class: value >= 100 && "complete", "aria-label": label });
}

// `columns`: {label, number?, wide?, cell: row => content}. On a phone each row is a card, unless there are few columns.
export function table(caption, columns, rows) {
  return el(
    "div", { class: "card scroll" },
    el(
      "table", { class: columns.length > 3 && "cards" },
      el("caption", { class: "hidden" }, caption),
      el("thead", {}, el("tr", {}, columns.map((column) => el("th", { scope: "col", class: column.number && "number" }, column.label)))),
      el("tbody", {}, rows.map((row) => el("tr", {}, columns.map((column) => el(
        "td", { "data-label": column.label, class: column.number ? "number" : column.wide && "wide" },
        el("div", {}, column.cell(row)),
      ))))),
    ),
  );
}

// One value a minute, oldest first, against time; the scale's top and bottom are at the right, its span below.
export function sparkline(values, { label, unit, format }) {
  const top = Math.max(...values, 0) || 1;
  const step = values.length > 1 ? 100 / (values.length - 1) : 100;
  const points = values.map((value, index) => `${(index * step).toFixed(2)} ${(38 - (value / top) * 36).toFixed(2)}`);
  const curve = points.length > 0 ? `M${points.join("L")}` : "";
  const width = ((values.length - 1) * step).toFixed(2);
  return el(
    "div", { class: "chartbox label" },
    el(
      "svg", { class: "chart", viewBox: "0 0 100 40", preserveAspectRatio: "none", role: "img", "aria-label": label },
      el("line", { class: "axis", x1: 0, y1: 39, x2: 100, y2: 39 }),
      el("line", { class: "axis", x1: 0, y1: 2, x2: 100, y2: 2 }),
      points.length > 1 && el("path", { class: "area", d: `${curve}L${width} 39L0 39Z` }),
      points.length > 1 && el("path", { class: "curve", d: curve }),
    ),
    el("div", { class: "scale" }, el("span", {}, `${format(top)} ${unit}`), el("span", {}, "0")),
    el("div", { class: "span" },
      el("span", {}, t("chart.minutes_ago", { n: number(Math.max(values.length - 1, 1)) })),
      el("span", {}, t("chart.now"))),
  );
}

// What will be here, and the one command or button that fills it.
export function empty(title, text, command) {
  return el(
    "div", { class: "card empty" },
    el("strong", {}, title),
    el("p", { class: "muted" }, text),
    command && el("code", { class: "code" }, command),
    command && action("copy", t("copy.command"), { text: command }),
  );
}

export function failure(problem) {
  return el(
    "div", { class: "card problem stack", role: "alert" },
    el("strong", {}, problem.message),
    el("p", { class: "muted" }, problem.detail),
  );
}

// A button whose click is handled by the view under `name`, with `data` as its arguments.
export function action(name, label, data = {}, attributes = {}) {
  const values = Object.fromEntries(
    Object.entries(data).filter(([, value]) => value !== undefined && value !== null).map(([key, value]) => [`data-${key}`, value]));
  return el("button", { type: "button", "data-action": name, ...values, ...attributes }, label);
}

// Long identifiers are shortened in the middle; a click copies the whole.
export function copyable(text) {
  const short = text.length > 28 ? `${text.slice(0, 14)}…${text.slice(-12)}` : text;
  return action("copy", short, { text }, { class: "plain code", title: t("copy.whole", { text }) });
}

export function moment(text, words) {
  return el("time", { datetime: text, title: exact(text) }, words);
}

export function toast(text) {
  const node = el("div", { class: "toast" }, text);
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), 6000);
}

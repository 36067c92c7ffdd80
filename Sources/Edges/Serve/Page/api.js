// Calls to the server. A failed one throws a Problem with what, why and what now.

import { hasText, t } from "/words.js";

export class Problem extends Error {
  constructor(code, message, hint) {
    super(hasText(`problem.${code}`) ? t(`problem.${code}`) : message);
    this.code = code;
    this.detail = hint ? `${message} ${hint}` : message;
  }
}

export function problemFrom(body, status) {
  const error = body?.error ?? {};
  return new Problem(error.code ?? "failed", error.message ?? `HTTP ${status}`, error.hint ?? "");
}

async function call(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Problem("unreachable", path, "");
  }
  const body = await answer.json().catch(() => null);
  // The session has ended; the form brings the reader back.
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw problemFrom(body, answer.status);
  return body;
}

export function get(path, query = {}) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  const text = parameters.toString();
  return call(text ? `${path}?${text}` : path, { cache: "no-store" });
}

export function post(path, body) {
  return call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

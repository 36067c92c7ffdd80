// The status, kept up to date by server-sent events.

import { get, problemFrom } from "/api.js";

// Calls `tell` with {status, problem, lost} whenever one of them changes. The browser connects again by itself; where
// it gives up (an answer that is no event stream, such as 503), this does.
export function follow(tell) {
  const state = { status: null, problem: null, lost: false };
  let source;

  function connect() {
    source = new EventSource("/api/events");
    source.addEventListener("open", () => {
      state.lost = false;
      tell(state);
    });
    source.addEventListener("status", (event) => {
      Object.assign(state, { status: JSON.parse(event.data), problem: null, lost: false });
      tell(state);
    });
    source.addEventListener("problem", (event) => {
      state.problem = problemFrom(JSON.parse(event.data), 503);
      tell(state);
    });
    source.addEventListener("error", () => {
      state.lost = true;
      tell(state);
      if (source.readyState !== EventSource.CLOSED) return;
      setTimeout(connect, 5000);
      // A stream does not say why it was refused; a call does, and leads to the form where the session has ended.
      get("/api/session").catch(() => {});
    });
  }

  connect();
  addEventListener("pagehide", () => source.close());
  addEventListener("pageshow", (event) => {
    if (event.persisted) connect();
  });
}

"use strict";
// Progress as it happens. When the job ends the page is asked for again and tells the result itself.
(() => {
  const job = document.getElementById("job"), bar = document.getElementById("bar"), say = document.getElementById("say");
  const show = (told) => {
    if (typeof told.progress === "number") bar.value = told.progress;
    if (told.message) say.textContent = told.message;
    return ["done", "failed", "cancelled"].includes(told.state);
  };
  const elapsed = document.getElementById("elapsed");
  if (elapsed) {
    const tick = () => { const passed = Math.max(0, Math.round((Date.now() - new Date(elapsed.dataset.since)) / 1000)); elapsed.textContent = " · " + (passed < 60 ? passed + " s" : Math.floor(passed / 60) + " min " + (passed % 60) + " s") + " so far"; };
    tick();
    window.setInterval(tick, 1000);
  }
  const again = () => window.location.reload();
  const ask = () => fetch(job.dataset.job, { credentials: "same-origin" }).then((answer) => answer.json()).then((told) => (show(told) ? again() : window.setTimeout(ask, 1500)))
    .catch(() => { say.textContent = "The server does not answer; trying again."; window.setTimeout(ask, 3000); });
  if (!window.EventSource) { ask(); return; }
  const events = new EventSource(job.dataset.events);
  const read = (event) => { if (show(JSON.parse(event.data))) { events.close(); again(); } };
  ["progress", "done", "failed", "cancelled", "message"].forEach((name) => events.addEventListener(name, read));
  events.onerror = () => { if (events.readyState === EventSource.CLOSED) ask(); };
  window.addEventListener("pagehide", () => events.close());
})();

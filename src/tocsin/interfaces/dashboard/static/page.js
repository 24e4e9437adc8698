"use strict";
// On every page: moments in the reader's own zone, questions before what cannot be undone, one click is one request.
(() => {
  const full = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  const rough = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
  const sizes = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const ago = (passed) => {
    const size = sizes.find(([, seconds]) => passed >= seconds);
    return size ? rough.format(-Math.floor(passed / size[1]), size[0]) : "just now";
  };
  document.querySelectorAll("time[datetime]").forEach((time) => {
    const at = new Date(time.dateTime);
    const passed = (Date.now() - at) / 1000;
    if (Number.isNaN(passed)) return;
    const near = "rough" in time.dataset && passed >= 0 && passed < 7 * 86400;
    time.title = time.title.includes("UTC") ? time.title + (near ? " · " + full.format(at) : "") : time.title;
    time.textContent = near ? ago(passed) : full.format(at);
  });
  document.querySelectorAll("form").forEach((form) => form.addEventListener("submit", (event) => {
    if (event.defaultPrevented) return;
    if (form.dataset.confirm && !window.confirm(form.dataset.confirm)) { event.preventDefault(); return; }
    if (form.method === "post") window.setTimeout(() => form.querySelectorAll("button").forEach((button) => { button.disabled = true; }), 0);
  }));
  document.querySelectorAll("input[data-remember]").forEach((input) => {
    const key = "field-" + input.dataset.remember;
    try { input.value = localStorage.getItem(key) || ""; } catch { return; }  // without storage the name is typed each time
    input.form.addEventListener("submit", () => localStorage.setItem(key, input.value));
  });
  window.addEventListener("pageshow", (event) => { if (event.persisted) window.location.reload(); });
})();

"use strict";
// Before the first paint: the theme that was chosen here earlier, else the system's. Marks that script runs.
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  let kept = null;
  try { kept = localStorage.getItem("theme"); } catch { /* storage may be switched off: the choice then lasts for one page */ }
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const set = (name) => { root.dataset.theme = name; };
  set(kept || (dark.matches ? "dark" : "light"));
  dark.addEventListener("change", () => { if (!kept) { set(dark.matches ? "dark" : "light"); document.dispatchEvent(new Event("theme")); } });
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    button.hidden = false;
    button.addEventListener("click", () => {
      kept = root.dataset.theme === "dark" ? "light" : "dark";
      set(kept);
      try { localStorage.setItem("theme", kept); } catch { /* as above */ }
      document.dispatchEvent(new Event("theme"));
    });
  });
})();

"use strict";
// The slider over the list of settings: how many alarms each would have given, at once, here and in the chart.
(() => {
  const form = document.querySelector("form[data-strict]");
  if (!form) return;
  const options = [...form.querySelectorAll("option")], select = form.querySelector("select"), range = form.querySelector("input[type=range]");
  const count = document.getElementById("strict-count"), unit = document.getElementById("strict-unit"), say = document.getElementById("strict-say");
  const now = Math.max(0, options.findIndex((option) => "now" in option.dataset));
  const button = form.querySelector("button");
  form.querySelector(".plain-choice").hidden = true;
  form.querySelector(".slide").hidden = false;
  const show = () => {
    const at = Number(range.value), option = options[at], alarms = Number(option.dataset.alarms);
    select.selectedIndex = at;
    count.textContent = alarms.toLocaleString("en");
    unit.textContent = alarms === 1 ? form.dataset.one : form.dataset.many;
    say.textContent = option.dataset.words + (at === now ? " (in use)" : "");
    range.setAttribute("aria-valuetext", count.textContent + " " + unit.textContent + ", " + option.dataset.words);
    button.disabled = at === now;
    document.dispatchEvent(new CustomEvent("strict", { detail: { cut: Number(option.dataset.cut), now: at === now } }));
  };
  range.value = String(now);
  range.addEventListener("input", show);
  show();
})();

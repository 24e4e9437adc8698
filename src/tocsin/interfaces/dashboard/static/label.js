"use strict";
// "Really odd" and "False alarm" without leaving the place. The forms do the same without script.
(() => {
  const csrf = document.querySelector("meta[name=csrf]").content;
  const words = { true: "You said: really odd.", false: "You said: false alarm." };
  // What learning again would use, as the page would say it now.
  const count = () => {
    const learn = document.getElementById("learn");
    return learn && fetch(window.location.pathname, { credentials: "same-origin" }).then((reply) => reply.text()).then((text) => {
      const fresh = new DOMParser().parseFromString(text, "text/html").getElementById("learn");
      if (fresh) learn.replaceChildren(...fresh.childNodes);
    });
  };
  document.querySelectorAll(".answer").forEach((answer) => {
    const said = answer.querySelector("[data-said]");
    said.setAttribute("role", "status");
    answer.querySelector("form").addEventListener("submit", (event) => {
      event.preventDefault();
      const value = event.submitter.value;
      said.textContent = "…";
      fetch("/api/v1/detectors/" + encodeURIComponent(answer.dataset.detector) + "/labels", {
        method: "POST", credentials: "same-origin", headers: { "Content-Type": "application/json", "X-CSRF-Token": csrf },
        body: JSON.stringify({ detection: Number(answer.dataset.detection), is_anomaly: value === "true", why: "" }),
      }).then((reply) => (reply.ok ? reply : reply.json().then((problem) => { throw new Error(problem.title || "refused"); }))).then(() => {
        answer.querySelectorAll("button").forEach((button) => button.setAttribute("aria-pressed", String(button.value === value)));
        said.textContent = words[value];
        return count();
      }).catch((error) => { said.textContent = "Not noted: " + error.message; });
    });
  });
})();

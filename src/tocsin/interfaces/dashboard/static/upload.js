"use strict";
// Drag and drop, and a bar while a file travels. Without this script the same form sends the file by its button.
(() => {
  const size = (bytes) => (bytes > 1e6 ? (bytes / 1e6).toFixed(1) + " MB" : Math.ceil(bytes / 1000) + " kB");

  function send(form, file) {
    const way = form.querySelector(".way"), bar = form.querySelector("progress"), say = form.querySelector("[data-say]"), refused = form.querySelector(".refused");
    const body = new FormData(form);
    body.set("file", file, file.name);
    const request = new XMLHttpRequest();  // fetch tells nothing of an upload's progress
    request.open("POST", form.action);
    request.responseType = "document";
    request.setRequestHeader("Accept", "text/html");
    form.classList.add("busy");
    refused.hidden = true;
    way.hidden = false;
    say.textContent = "Sending " + file.name + " (" + size(file.size) + ")";
    request.upload.onprogress = (event) => { if (event.lengthComputable) bar.value = 100 * event.loaded / event.total; };
    request.upload.onload = () => { bar.removeAttribute("value"); say.textContent = "Reading " + file.name; };
    const fail = (text) => { form.classList.remove("busy"); way.hidden = true; refused.hidden = false; refused.textContent = text; form.querySelector("input[type=file]").value = ""; };
    request.onerror = () => fail("The server did not answer. Is it still running?");
    request.onload = () => {
      if (request.status < 400) { window.location.assign(request.responseURL); return; }
      const trouble = request.response && request.response.querySelector("[data-trouble]");
      const part = (name) => { const found = trouble && trouble.querySelector("[data-" + name + "]"); return found ? found.textContent.trim() : ""; };
      fail(part("what") ? part("what") + (part("todo") ? " What you can do: " + part("todo") + "." : "") : "The file was refused (" + request.status + ").");
    };
    request.send(body);
  }

  document.querySelectorAll("form[data-drop]").forEach((form) => {
    const input = form.querySelector("input[type=file]");
    let depth = 0;
    const lit = (on) => form.classList.toggle("over", on);
    form.addEventListener("dragenter", (event) => { event.preventDefault(); depth += 1; lit(true); });
    form.addEventListener("dragover", (event) => event.preventDefault());
    form.addEventListener("dragleave", () => { depth -= 1; if (depth <= 0) { depth = 0; lit(false); } });
    form.addEventListener("drop", (event) => {
      event.preventDefault();
      depth = 0;
      lit(false);
      const file = event.dataTransfer.files[0];
      if (file && !form.classList.contains("busy")) send(form, file);
    });
    input.addEventListener("change", () => { if (input.files[0] && !form.classList.contains("busy")) send(form, input.files[0]); });
    form.addEventListener("submit", (event) => { event.preventDefault(); if (input.files[0] && !form.classList.contains("busy")) send(form, input.files[0]); });
  });
  // A file dropped beside the zone must not replace the page.
  ["dragover", "drop"].forEach((name) => window.addEventListener(name, (event) => event.preventDefault()));
})();

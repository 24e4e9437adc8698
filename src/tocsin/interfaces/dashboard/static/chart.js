"use strict";
// Draws the detector's newest batch from the JSON beside it. Colours come from the style sheet, so that light and dark agree.
(() => {
  const data = JSON.parse(document.getElementById("chart-data").textContent);
  const place = document.getElementById("chart");
  const narrow = () => window.innerWidth < 720;
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
  // Names come from files. The library reads a few tags in its texts, so that what could be one is set as it is written.
  const plain = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const state = { cut: data.cut };
  const odd = () => data.odds.map((odds, i) => (state.cut === data.cut ? data.odd[i] : state.cut !== null && odds >= state.cut));
  const said = (odds) => (odds <= 2 ? "ordinary" : "1 in " + Math.round(odds).toLocaleString("en"));

  const axis = (more) => ({
    gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false, automargin: true, tickfont: { color: colour("soft"), size: 12 }, fixedrange: true, ...more,
  });
  function odds(domain) {
    const top = Math.ceil(Math.log10(Math.max(100, state.cut || 0, ...data.odds)) + 0.05);
    const every = top > 4 ? 2 : 1, ticks = [];
    for (let e = 0; e <= top; e += every) ticks.push(e);
    return axis({ domain, type: "log", range: [-0.08, top], tickvals: ticks.map((e) => Math.pow(10, e)), ticktext: ticks.map((e) => (e === 0 ? "ordinary" : e > 5 ? "1 in " + Math.pow(10, e - 6) + " million" : "1 in " + Math.pow(10, e).toLocaleString("en"))) });
  }
  const at = (i, values) => values.filter((_, k) => i[k]);

  function channel(one, y, first, flags) {
    const own = { xaxis: "x", yaxis: "y" + y, connectgaps: false }, traces = [];
    if (one.low && one.high) {
      const quiet = { ...own, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false };
      traces.push({ ...quiet, x: data.x, y: one.low }, { ...quiet, x: data.x, y: one.high, fill: "tonexty", fillcolor: colour("band"), name: "expected", showlegend: first });
    } else if (one.expected) {
      traces.push({ ...own, x: data.x, y: one.expected, mode: "lines", line: { color: colour("soft"), width: 1, dash: "dot" }, name: "expected", showlegend: first, hoverinfo: "skip" });
    }
    traces.push({ ...own, x: data.x, y: one.y, mode: "lines", line: { color: colour("normal"), width: 1.4 }, name: "observed", showlegend: first, hovertemplate: plain(one.name) + " %{y:.5~g}<extra></extra>" });
    const marked = marks(one, flags), x = at(marked, data.x);
    traces.push({ ...own, x, y: at(marked, one.y), text: at(marked, data.odds.map(said)), mode: "markers", name: "odd because of this", showlegend: x.length > 0 && legend.odd,
      marker: { color: colour("odd"), size: x.length > 200 ? 4 : 8, symbol: "diamond", line: { color: colour("card"), width: x.length > 200 ? 0 : 1 } }, hovertemplate: "<b>odd: %{text}</b><extra></extra>" });
    if (x.length) legend.odd = false;
    return traces;
  }
  // A mark stands where the reason names the column. A row without any reason (the setting was just made looser) is marked in all.
  function marks(one, flags) {
    if (one.marks === null) return flags;
    const own = new Set(one.marks), named = new Set(data.channels.flatMap((other) => other.marks));
    return flags.map((flag, i) => flag && (own.has(i) || !named.has(i)));
  }
  const legend = { odd: true };

  function layout(height, more) {
    return {
      height, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
      margin: { l: 44, r: 12, t: 56, b: 40 }, hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
      legend: { orientation: "h", x: 1, xanchor: "right", yanchor: "bottom", y: 1 + 24 / height, font: { size: 12.5 } }, dragmode: coarse ? false : "zoom", shapes: [], annotations: [], ...more,
    };
  }
  function limit(made, yref) {
    if (state.cut === null) return;
    made.shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, yref, y0: state.cut, y1: state.cut, line: { color: colour("odd"), width: 1.5, dash: "dash" } });
  }
  const heading = (made, text, y) => made.annotations.push({ text, x: 0, xref: "paper", xanchor: "left", y, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 13, color: colour("ink") } });

  function series() {
    const boxes = [...document.querySelectorAll("#channels input")];
    const picked = boxes.length ? boxes.filter((box) => box.checked).map((box) => data.channels[Number(box.value)]) : data.channels.slice(0, 1);
    const each = narrow() ? 150 : picked.length > 2 ? 150 : 210, strip = 110, gap = 40, inner = picked.length * (each + gap) + strip;
    const made = layout(inner + 96, { hovermode: "x unified" }), traces = [], flags = odd();
    legend.odd = true;
    made.legend.y = 1 + 20 / inner;
    if (narrow()) { made.margin.t = 76; made.legend.font.size = 11; }
    let top = 1;
    picked.forEach((one, i) => {
      const bottom = top - each / inner;
      heading(made, "<b>" + plain(one.name) + "</b>", top);
      made["yaxis" + (i + 2)] = axis({ domain: [Math.max(0, bottom), top] });
      traces.push(...channel(one, i + 2, i === 0, flags));
      top = bottom - gap / inner;
    });
    heading(made, "<b>how rare</b> (above the line: an alarm)", strip / inner);
    made.yaxis = odds([0, strip / inner]);
    traces.push({ x: data.x, y: data.odds, text: data.odds.map(said), mode: "lines", line: { color: colour("soft"), width: 1.2 }, showlegend: false, hovertemplate: "how rare: %{text}<extra></extra>" });
    limit(made, "y");
    data.events.forEach(([start, end]) => { const inside = flags.map((flag, i) => (flag && i >= start && i <= end ? i : -1)).filter((i) => i >= 0), from = inside[0], to = inside[inside.length - 1]; if (inside.length) made.shapes.push({ type: "rect", layer: "below", xref: "x", x0: data.x[from], x1: data.x[to], yref: "paper", y0: 0, y1: 1, fillcolor: colour("event"), line: { color: colour("event"), width: 2 } }); });
    made.xaxis = axis({ anchor: "y", fixedrange: false, ticklabelstandoff: 10 });
    return [traces, made];
  }

  function table() {
    const flags = odd(), rest = flags.map((flag) => !flag), marks = (name, keep, marker) => ({
      type: "scatter", mode: "markers", name, x: at(keep, data.x), y: at(keep, data.odds), text: at(keep, data.names.map((row, i) => plain(row) + ": " + said(data.odds[i]))), marker, hovertemplate: "%{text}<extra></extra>" });
    const made = layout(narrow() ? 320 : 380, { hovermode: "closest", yaxis: odds([0, 1]), xaxis: axis({ fixedrange: false, title: { text: "line of the file", font: { color: colour("soft"), size: 13 }, standoff: 8 } }) });
    made.margin.t = 44;
    limit(made, "y");
    return [[marks("ordinary", rest, { color: colour("normal"), size: 5, opacity: 0.45 }), marks("odd", flags, { color: colour("odd"), size: 9, symbol: "diamond", line: { color: colour("card"), width: 1 } })], made];
  }

  function draw() {
    const [traces, made] = data.kind === "series" && data.channels.length ? series() : table();
    Plotly.react(place, traces, made, { displaylogo: false, responsive: true, displayModeBar: false, doubleClick: "reset" });
  }
  document.addEventListener("strict", (event) => { state.cut = event.detail.now ? data.cut : 1 / Math.max(event.detail.cut, 1e-7); draw(); });
  document.addEventListener("theme", draw);
  document.querySelectorAll("#channels input").forEach((box) => box.addEventListener("change", draw));
  let was = narrow();
  window.addEventListener("resize", () => { if (narrow() !== was) { was = narrow(); draw(); } });
  draw();
})();

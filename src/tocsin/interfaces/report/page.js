"use strict";
// Draws the report's charts from the JSON beside it. Colours come from the style sheet, so that light, dark and print agree.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue("--" + name).trim();
  const narrow = () => window.innerWidth < 720;
  const coarse = window.matchMedia("(pointer: coarse)").matches;
  const config = { displaylogo: false, responsive: true, displayModeBar: false, doubleClick: "reset" };

  const axis = (more) => ({
    gridcolor: colour("grid"), linecolor: colour("line"), zeroline: false, automargin: true,
    tickfont: { color: colour("soft"), size: 12 }, title: { font: { color: colour("soft"), size: 13 }, standoff: 10 }, ...more,
  });
  const titled = (text, more) => axis({ ...more, title: { text, font: { color: colour("soft"), size: 13 }, standoff: 10 } });
  const paper = (more) => ({
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: getComputedStyle(document.body).fontFamily, color: colour("ink"), size: 13 },
    margin: { l: narrow() ? 44 : 64, r: 16, t: 28, b: 44 }, hoverlabel: { bgcolor: colour("card"), bordercolor: colour("line"), font: { color: colour("ink") } },
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom", font: { size: 12.5 } }, dragmode: coarse ? false : "zoom", ...more,
  });
  const place = (id) => document.getElementById(id);

  // ---- the series -------------------------------------------------------------------------------------------------
  const series = data.series;
  const shown = { group: 0, range: null };

  function channelTraces(channel, y, first) {
    const own = { xaxis: "x", yaxis: "y" + y };
    const traces = [];
    if (channel.lo) {
      const quiet = { ...own, mode: "lines", line: { width: 0 }, hoverinfo: "skip", connectgaps: false };
      traces.push({ ...quiet, x: channel.x, y: channel.lo, showlegend: false });
      traces.push({ ...quiet, x: channel.x, y: channel.hi, fill: "tonexty", fillcolor: colour("band"), name: "expected ± usual distance", showlegend: first, legendgroup: "band" });
    }
    if (channel.mid) {
      traces.push({ ...own, x: channel.x, y: channel.mid, mode: "lines", line: { color: colour("soft"), width: 1, dash: "dot" }, name: "expected", showlegend: first, legendgroup: "mid",
        hovertemplate: "expected %{y:.4~g}<extra></extra>" });
    }
    traces.push({ ...own, x: channel.x, y: channel.y, mode: "lines", line: { color: colour("normal"), width: 1.5 }, name: "observed", showlegend: first, legendgroup: "line", connectgaps: false,
      hovertemplate: "%{y:.5~g}<extra></extra>" });
    if (channel.ax.length) {
      traces.push({ ...own, x: channel.ax, y: channel.ay, customdata: channel.ap, mode: "markers", name: "anomaly", showlegend: first, legendgroup: "odd",
        marker: { color: colour("odd"), size: channel.ax.length > 200 ? 4 : 8, symbol: "diamond", line: { color: colour("card"), width: channel.ax.length > 200 ? 0 : 1 } }, hovertemplate: "<b>%{customdata}</b><br>%{y:.5~g}<extra></extra>" });
    }
    return traces;
  }

  function drawSeries() {
    const group = series.groups[shown.group];
    const boxes = [...document.querySelectorAll("#channels input")];
    let picked = boxes.filter((box) => box.checked).map((box) => group.channels[Number(box.value)]);
    if (!boxes.length) picked = group.channels.slice(0, 1);
    const each = narrow() ? 170 : picked.length > 2 ? 180 : 250, strip = 120, gap = 42;
    const inner = picked.length * (each + gap) + strip;
    const traces = [], notes = [], shapes = [];
    const layout = paper({ height: inner + 110, hovermode: "x unified", shapes, annotations: notes, margin: { l: narrow() ? 44 : 64, r: 16, t: 52, b: 52 } });
    layout.legend.y = 1 + 26 / inner;
    let top = 1;
    const heading = (text, at) => notes.push({ text, x: 0, xref: "paper", xanchor: "left", y: at, yref: "paper", yanchor: "bottom", showarrow: false, font: { size: 13, color: colour("ink") } });
    picked.forEach((channel, i) => {
      const bottom = top - each / inner;
      heading("<b>" + channel.name + "</b>" + (channel.unit ? " (" + channel.unit + ")" : ""), top);
      layout["yaxis" + (i + 2)] = axis({ domain: [bottom, top], fixedrange: true });
      traces.push(...channelTraces(channel, i + 2, i === 0));
      top = bottom - gap / inner;
    });
    heading("<b>anomaly score</b>" + (group.score.log ? " (log scale)" : ""), strip / inner);
    layout.yaxis = axis({ domain: [0, strip / inner], fixedrange: true, type: group.score.log ? "log" : "linear", nticks: 5 });
    if (group.score.log) { layout.yaxis.dtick = 1; layout.yaxis.exponentformat = "power"; }
    traces.push({ x: group.score.x, y: group.score.y, customdata: group.score.p, mode: "lines", line: { color: colour("soft"), width: 1.2 }, name: "score", showlegend: false,
      hovertemplate: "score %{y:.4~g} · %{customdata}<extra></extra>" });
    if (series.threshold !== null) {
      shapes.push({ type: "line", xref: "paper", x0: 0, x1: 1, yref: "y", y0: series.threshold, y1: series.threshold, line: { color: colour("odd"), width: 1.5, dash: "dash" } });
      notes.push({ text: "threshold", x: 1, xref: "paper", xanchor: "right", yref: "y", y: group.score.log ? Math.log10(series.threshold) : series.threshold, yanchor: "bottom", showarrow: false, font: { size: 12, color: colour("odd") } });
    }
    for (const event of group.events) {
      shapes.push({ type: "rect", layer: "below", xref: "x", x0: event.from, x1: event.to, yref: "paper", y0: 0, y1: 1, fillcolor: colour("event"), line: { color: colour("event"), width: 2 } });
    }
    layout.xaxis = titled(series.xTitle, { anchor: "y", range: shown.range || undefined, autorange: !shown.range });
    Plotly.react("chart-series", traces, layout, config);
  }

  const asNumber = (x) => (typeof x === "number" ? x : Date.parse(String(x).replace(" ", "T") + (/Z|[+-]\d\d:?\d\d$/.test(x) ? "" : "Z")));
  function limits() {
    const x = series.groups[shown.group].score.x.filter((v) => v !== null);
    return { low: asNumber(x[0]), high: asNumber(x[x.length - 1]), date: typeof x[0] !== "number" };
  }
  function zoom(low, high) {
    const all = limits();
    low = Math.max(low, all.low); high = Math.min(high, all.high);
    if (!(high > low)) return;
    shown.range = all.date ? [new Date(low).toISOString(), new Date(high).toISOString()] : [low, high];
    Plotly.relayout("chart-series", { "xaxis.range": shown.range, "xaxis.autorange": false });
  }
  function move(kind) {
    const all = limits();
    const now = (place("chart-series").layout.xaxis.range || [all.low, all.high]).map(asNumber);
    const width = now[1] - now[0], middle = (now[0] + now[1]) / 2;
    if (kind === "all") { shown.range = null; Plotly.relayout("chart-series", { "xaxis.autorange": true }); return; }
    if (kind === "in") zoom(middle - width / 4, middle + width / 4);
    if (kind === "out") zoom(middle - width, middle + width);
    const step = Math.min(width / 2, kind === "left" ? now[0] - all.low : all.high - now[1]);
    if (kind === "left") zoom(now[0] - step, now[1] - step);
    if (kind === "right") zoom(now[0] + step, now[1] + step);
  }
  function wireSeries() {
    document.querySelectorAll("[data-move]").forEach((button) => button.addEventListener("click", () => move(button.dataset.move)));
    document.querySelectorAll("#channels input").forEach((box) => box.addEventListener("change", drawSeries));
    const select = place("group");
    if (select) select.addEventListener("change", () => { shown.group = Number(select.value); shown.range = null; drawSeries(); });
    document.querySelectorAll("[data-from]").forEach((button) => button.addEventListener("click", () => {
      const at = series.groups.findIndex((group) => group.plain === button.dataset.group);
      if (at >= 0 && at !== shown.group) { shown.group = at; if (select) select.value = String(at); drawSeries(); }
      const all = limits();
      const from = all.date ? asNumber(button.dataset.from) : Number(button.dataset.from), to = all.date ? asNumber(button.dataset.to) : Number(button.dataset.to);
      const around = Math.max((to - from) * 2, (all.high - all.low) / 40);
      zoom(from - around, to + around);
      place("chart-series").scrollIntoView({ block: "center" });
    }));
    place("chart-series").on("plotly_relayout", (change) => {
      if (change["xaxis.range[0]"] !== undefined) shown.range = [change["xaxis.range[0]"], change["xaxis.range[1]"]];
      if (change["xaxis.autorange"]) shown.range = null;
    });
  }

  // ---- scores, pair, history --------------------------------------------------------------------------------------
  const power = (exponent) => { const value = Math.pow(10, exponent); return value >= 0.001 && value < 1e5 ? String(Number(value.toPrecision(3))) : "10<sup>" + exponent + "</sup>"; };

  function drawScores() {
    const scores = data.scores, shapes = [], notes = [];
    const widths = scores.x.map(() => scores.width);
    const bar = (y, name, fill, pattern) => ({ type: "bar", x: scores.x, y: y.map((v) => (v ? v : null)), width: widths, name, marker: { color: fill, line: { width: 0 }, pattern },
      customdata: scores.x.map((x) => (scores.log ? Math.pow(10, x) : x)), hovertemplate: "%{y} " + data.words + " near score %{customdata:.4~g}<extra></extra>" });
    const traces = [bar(scores.normal, "not flagged", colour("normal"), {}), bar(scores.flagged, "flagged", colour("odd"), { shape: "/", fgcolor: colour("card"), size: 5, solidity: 0.25, fillmode: "overlay" })];
    const x = titled(scores.log ? "anomaly score (log scale)" : "anomaly score", {});
    if (scores.log) {
      const low = Math.floor(scores.x[0]), high = Math.ceil(scores.x[scores.x.length - 1]), step = Math.max(1, Math.ceil((high - low) / 8));
      const ticks = [];
      for (let e = low; e <= high; e += step) ticks.push(e);
      if (ticks.length < 4) for (let e = low; e <= high; e += 1) ticks.push(e + Math.log10(2), e + Math.log10(5));
      x.tickvals = ticks; x.ticktext = ticks.map((e) => (Number.isInteger(e) ? power(e) : String(Number(Math.pow(10, e).toPrecision(2)))));
      x.range = [scores.x[0] - scores.width, scores.x[scores.x.length - 1] + scores.width];
    }
    if (scores.threshold !== null) {
      shapes.push({ type: "line", x0: scores.threshold, x1: scores.threshold, yref: "paper", y0: 0, y1: 1, line: { color: colour("odd"), width: 2, dash: "dash" } });
      const right = scores.threshold > (scores.x[0] + scores.x[scores.x.length - 1]) / 2;
      notes.push({ text: "threshold", x: scores.threshold, y: 1, yref: "paper", yanchor: "top", xanchor: right ? "right" : "left", xshift: right ? -4 : 4, showarrow: false, font: { color: colour("odd"), size: 13 } });
    }
    const y = titled(data.words + (scores.tall ? " (log scale)" : ""), { type: scores.tall ? "log" : "linear", fixedrange: true });
    if (scores.tall) { y.dtick = 1; y.range = [-0.3, Math.log10(Math.max(...scores.normal, ...scores.flagged)) + 0.15]; }
    Plotly.react("chart-scores", traces, paper({ height: 340, barmode: "overlay", bargap: 0.08, xaxis: x, yaxis: y, shapes, annotations: notes, dragmode: false }), config);
  }

  function drawPair() {
    const pair = data.pair;
    const traces = [
      { type: "scatter", mode: "markers", x: pair.normal.x, y: pair.normal.y, name: "not flagged", marker: { color: colour("normal"), size: 6, opacity: 0.5 }, hovertemplate: "%{x:.4~g}, %{y:.4~g}<extra></extra>" },
      { type: "scatter", mode: "markers", x: pair.flagged.x, y: pair.flagged.y, customdata: pair.flagged.name, name: "flagged", marker: { color: colour("odd"), size: 9, symbol: "diamond", line: { color: colour("card"), width: 1 } },
        hovertemplate: "<b>%{customdata}</b><br>%{x:.4~g}, %{y:.4~g}<extra></extra>" },
    ];
    Plotly.react("chart-pair", traces, paper({ height: 430, hovermode: "closest", xaxis: titled(pair.x), yaxis: titled(pair.y) }), config);
  }

  function drawHistory() {
    const looks = [["normal", "solid"], ["odd", "dash"], ["soft", "dot"]];
    const traces = data.history.lines.map((line, i) => ({ x: data.history.epoch, y: line.y, name: line.name, mode: data.history.epoch.length < 3 ? "markers" : "lines", line: { color: colour(looks[i % 3][0]), dash: looks[i % 3][1], width: 2 }, marker: { color: colour(looks[i % 3][0]) },
      hovertemplate: "%{y:.4~g}<extra>" + line.name + "</extra>" }));
    Plotly.react("chart-history", traces, paper({ height: 300, hovermode: "x unified", xaxis: titled("epoch"), yaxis: titled("loss" + (data.history.log ? " (log scale)" : ""), { type: data.history.log ? "log" : "linear" }) }), config);
  }

  function drawAll() {
    if (series) drawSeries();
    drawScores();
    if (data.pair) drawPair();
    if (data.history) drawHistory();
  }
  drawAll();
  if (series) wireSeries();
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  window.matchMedia("print").addEventListener("change", drawAll);
  let wasNarrow = narrow();
  window.addEventListener("resize", () => { if (narrow() !== wasNarrow) { wasNarrow = narrow(); drawAll(); } });
})();

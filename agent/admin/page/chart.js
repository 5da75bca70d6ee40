// A chart of the last hour, a minute in each column. What is under the pointer, or the
// minute that the arrow keys have gone to, is written in the legend; otherwise the
// whole hour is.

const tall = 150, low = 18, high = 8, right = 4;

// chart makes one:
//
//   kind    "bars", one upon the other, or "lines", or "area"
//   series  [{name, label()}]
//   write   a value as text
//   total   what the legend says of the whole hour
function chart({id, title, kind, series, write, total}) {
  const plot = g("svg", {class: "plot", role: "img", tabindex: 0});
  const keys = h("div", {class: "keys"}), when = h("span", {class: "when"}), head = h("h3");
  const node = h("article", {class: "card chart", id}, h("header", null, head, when), keys, plot);
  const own = {node, values: null, end: null, at: null};

  own.show = (values, end) => { own.values = values; own.end = end; draw(); };
  const go = at => { own.at = at === null ? null : Math.min(59, Math.max(0, at)); draw(); };
  plot.addEventListener("pointermove", e => go(own.column(e.clientX - plot.getBoundingClientRect().left)));
  plot.addEventListener("pointerleave", () => go(null));
  plot.addEventListener("blur", () => go(null));
  plot.addEventListener("keydown", e => {
    const by = {ArrowLeft: -1, ArrowRight: 1}[e.key];
    if (!by) return;
    e.preventDefault();
    go(own.at === null ? 59 : own.at + by);
  });
  new ResizeObserver(() => own.values && draw()).observe(plot);

  function draw() {
    const width = plot.clientWidth || 560, bottom = tall - low;
    const most = ceiling(kind, series.map(s => own.values[s.name]));
    const steps = ticks(most, kind === "lines"), top = steps[steps.length - 1];
    const left = 12 + 6.2 * Math.max(...steps.map(v => write(v).length * (language === "zh" ? 1.25 : 1)));
    const wide = (width - left - right) / 60;
    const x = i => left + (i + .5) * wide, y = v => bottom - v / top * (bottom - high);
    own.column = px => Math.floor((px - left) / wide);
    head.textContent = title();
    plot.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    plot.replaceChildren(...frame(steps, write, left, width, y, x), ...shapes(kind, series, own.values, x, y, wide, bottom));
    if (own.at !== null) plot.append(g("line", {class: "cursor", x1: x(own.at), x2: x(own.at), y1: high, y2: bottom}));
    legend();
  }

  function legend() {
    const texts = series.map(s => {
      const v = own.at === null ? total(s.name) : own.values[s.name][own.at];
      return [s, v ? write(v) : kind === "lines" || v === null ? "–" : "0"];
    });
    when.textContent = own.at === null ? say.thisHour : minuteAt(own.end, own.at);
    keys.replaceChildren(...texts.map(([s, text]) => h("span", null, key(kind, s.name), s.label(), h("b", null, text))));
    plot.setAttribute("aria-label", title() + ", " + when.textContent + ": " + texts.map(([s, text]) => s.label() + " " + text).join(", ") + ". " + say.chartHelp);
  }
  return own;
}

const minuteAt = (end, i) => clock(new Date(end - (59 - i) * 60000));

// ceiling is the largest value that has to fit.
function ceiling(kind, rows) {
  if (kind !== "bars") return Math.max(...rows.flat());
  return Math.max(...rows[0].map((_, i) => rows.reduce((sum, row) => sum + row[i], 0)));
}

// times are what people count durations by, in milliseconds.
const times = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 10e3, 15e3, 30e3, 60e3, 120e3, 300e3, 600e3];

// ticks are round values from 0 to at least most.
function ticks(most, lasting) {
  if (most <= 0) return lasting ? [0, 1000] : [0, 1];
  const least = most / 3.2, ten = 10 ** Math.floor(Math.log10(least));
  const steps = lasting ? times : [1, 2, 5, 10].map(m => m * ten);
  const step = Math.max(steps.find(s => s >= least) || 600e3, 1);
  return Array.from({length: Math.ceil(most / step) + 1}, (_, i) => i * step);
}

function frame(steps, write, left, width, y, x) {
  const lines = steps.flatMap(v => [
    g("line", {class: "grid", x1: left, x2: width - right, y1: y(v), y2: y(v)}),
    g("text", {x: left - 6, y: y(v) + 4, "text-anchor": "end"}, v ? write(v) : "0"),
  ]);
  const labels = (width < 420 ? [0, 30] : [0, 15, 30, 45]).map(i => g("text", {x: x(i), y: tall - 3, "text-anchor": i ? "middle" : "start"}, "−" + (60 - i) + say.unit.m));
  return [...lines, ...labels, g("text", {x: width - right, y: tall - 3, "text-anchor": "end"}, say.now)];
}

function shapes(kind, series, values, x, y, wide, bottom) {
  if (kind === "bars") {
    const upTo = new Array(60).fill(0);
    return series.flatMap(s => values[s.name].map((v, i) => {
      if (!v) return null;
      const base = y(upTo[i]), peak = y(upTo[i] += v);
      return g("rect", {class: "s-" + s.name, x: x(i) - wide * .4, width: wide * .8, y: peak, height: base - peak, rx: 1});
    })).filter(Boolean);
  }
  return series.flatMap(({name}) => kind === "lines" ? line(name, values[name], x, y) : runs(values[name]).flatMap(run => area(name, run, x, y, bottom)));
}

const at = (x, y, [i, v]) => x(i).toFixed(1) + " " + y(v).toFixed(1);
const sizes = {p50: 5.5, p95: 3.8, p99: 2}; // of a lone minute: where they are the same, each is seen
const dot = (name, x, y, [i, v]) => g("circle", {class: "lone s-" + name, cx: x(i), cy: y(v), r: sizes[name] || 4});

// line leaves out the minutes in which nothing was measured. The one before and the one
// after are joined, so that a quiet hour is a line, too; a lone one is a dot. Those of the
// higher percentiles are dashed and lie upon the lower ones: none hides another where they
// are the same.
function line(name, row, x, y) {
  const points = row.map((v, i) => [i, v]).filter(([, v]) => v);
  if (points.length === 1) return dot(name, x, y, points[0]);
  return g("path", {class: "s-" + name, d: points.length ? "M" + points.map(p => at(x, y, p)).join("L") : ""});
}

// runs are the minutes, one after the other, of which something is known.
function runs(row) {
  const all = [];
  row.forEach((v, i) => {
    if (v === null) return;
    if (i === 0 || row[i - 1] === null) all.push([]);
    all[all.length - 1].push([i, v]);
  });
  return all;
}

function area(name, run, x, y, bottom) {
  if (run.length === 1) return dot(name, x, y, run[0]);
  const top = "M" + run.map(p => at(x, y, p)).join("L");
  return [
    g("path", {class: "area", d: top + `L${x(run[run.length - 1][0])} ${bottom}L${x(run[0][0])} ${bottom}Z`}),
    g("path", {class: "s-" + name, d: top}),
  ];
}

function key(kind, name) {
  const mark = kind === "bars" ? g("rect", {class: "s-" + name, x: 4, y: 0, width: 10, height: 10, rx: 2}) : g("path", {class: "s-" + name, d: "M1 5H17"});
  return g("svg", {viewBox: "0 0 18 10", "aria-hidden": "true"}, mark);
}

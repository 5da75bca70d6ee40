// Making elements, and writing figures and times. Texts are set as text and never as
// HTML: what people called their groups is shown here, too.

const $ = id => document.getElementById(id);

// put sets the properties and children of an element. A property that begins with
// "on" is a listener; null children are left out.
function put(node, properties, children) {
  for (const [name, value] of Object.entries(properties || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter(c => c !== null && c !== undefined && c !== false && c !== ""));
  return node;
}

const h = (tag, properties, ...children) => put(document.createElement(tag), properties, children);
const g = (tag, properties, ...children) => put(document.createElementNS("http://www.w3.org/2000/svg", tag), properties, children);

// fill gives a node new children when what they show has changed, so that a focus and
// a selection stay where they are otherwise. A focus in what is replaced goes to its
// successor, by data-focus.
const filled = new Map();
function fill(id, shown, build) {
  const key = language + JSON.stringify(shown);
  if (filled.get(id) === key) return;
  filled.set(id, key);
  const node = $(id), focus = node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  node.replaceChildren(...[build()].flat().filter(Boolean));
  if (focus) [...node.querySelectorAll("[data-focus]")].find(n => n.dataset.focus === focus)?.focus();
}

// span writes a duration in milliseconds, in one unit or two.
function span(ms) {
  const u = say.unit, s = Math.round(ms / 1000);
  if (ms < 1000) return Math.round(ms) + u.ms;
  if (ms < 10000) return (ms / 1000).toFixed(1).replace(".0", "") + u.s;
  if (s < 60) return s + u.s;
  if (s < 3600) return Math.floor(s / 60) + u.m + (s % 60 && s < 600 ? " " + s % 60 + u.s : "");
  if (s < 86400) return Math.floor(s / 3600) + u.h + (Math.floor(s % 3600 / 60) ? " " + Math.floor(s % 3600 / 60) + u.m : "");
  return Math.floor(s / 86400) + u.d + (Math.floor(s % 86400 / 3600) ? " " + Math.floor(s % 86400 / 3600) + u.h : "");
}

// rough is span without what nobody needs of something that is counted up.
const rough = ms => span(ms < 60000 ? Math.max(1000, Math.floor(ms / 1000) * 1000) : Math.floor(ms / 60000) * 60000);

const figure = n => n.toLocaleString(language === "zh" ? "zh-CN" : "en-GB");
const two = n => String(n).padStart(2, "0");
const clock = t => two(t.getHours()) + ":" + two(t.getMinutes());
const seconds = t => clock(t) + ":" + two(t.getSeconds());
const day = t => t.getFullYear() + "-" + two(t.getMonth() + 1) + "-" + two(t.getDate());

// moment is a time of today as a clock shows it, and any other with its day.
const moment = t => (day(t) === day(here()) ? "" : day(t) + " ") + seconds(t);

// The program's clock counts: the reader's may be off.
let skew = 0;
const here = () => new Date(Date.now() + skew);

// ticking is a time that goes on being written, as how says.
function ticking(at, how) {
  const node = h("time", {datetime: at, title: moment(new Date(at))});
  node.how = how;
  tick(node);
  return node;
}

function tick(node) {
  const text = node.how(rough(here() - new Date(node.dateTime)));
  if (node.textContent !== text) node.textContent = text;
}

setInterval(() => document.querySelectorAll("time").forEach(node => node.how && tick(node)), 1000);

// ask asks the program. The answer is its JSON, or its text; an answer that is none is
// an error with a status.
async function ask(path, body) {
  const options = {headers: {}, cache: "no-store", signal: AbortSignal.timeout(10000)};
  if (body) Object.assign(options, {method: "POST", body: JSON.stringify(body), headers: {"Content-Type": "application/json"}});
  const answer = await fetch(path, options);
  const text = await answer.text();
  const value = (answer.headers.get("Content-Type") || "").includes("json") ? JSON.parse(text) : text;
  if (answer.ok) return value;
  throw Object.assign(new Error(value.error || text), {status: answer.status, wait: answer.headers.get("Retry-After")});
}

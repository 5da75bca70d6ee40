// The page itself: it asks every two seconds, shows what has changed, and does what
// its buttons say.

const tabs = ["overview", "letters", "troubles", "settings"];
let status = null; // of the last answer; null before the first, and while nobody is logged in
let heard = 0;     // when it came
let chosen = "";   // the connection whose charts are shown, "" for all
let config = null; // the configuration; null until it is asked for, "" until it is there, false for none
let asking = false, shut = false; // a question is under way; nothing is shown without a login

const line3 = ["p50", "p95", "p99"].map(name => ({name, label: () => name}));
const hourOf = (name, what) => status.courses.find(c => c.connection === chosen).hour[what][["p50", "p95", "p99"].indexOf(name)];
const charts = [
  chart({id: "chart-turns", title: () => say.throughput, kind: "bars", write: figure, total: name => current().hour[name],
    series: ["answered", "failed", "skipped"].map(name => ({name, label: () => say[name]}))}),
  chart({id: "chart-first", title: () => say.firstWord, kind: "lines", write: span, total: name => hourOf(name, "first_word"), series: line3}),
  chart({id: "chart-waiting", title: () => say.waitingChart, kind: "area", write: figure, total: () => most(current().waiting),
    series: [{name: "waiting", label: () => say.waitingMost}]}),
  chart({id: "chart-took", title: () => say.took, kind: "lines", write: span, total: name => hourOf(name, "took"), series: line3}),
];

// most is the largest that is known, null where nothing is.
const most = row => row.reduce((a, b) => b === null ? a : Math.max(a ?? 0, b), null);

const current = () => status.courses.find(c => c.connection === chosen);

function drawCharts() {
  if (!current()) chosen = "";
  const c = current(), end = new Date(status.now);
  [c, c.first_word, c, c.took].forEach((values, i) => charts[i].show(values, end));
  fill("choice", [chosen, status.courses.map(c => c.connection)], () => status.courses.length < 3 ? [] : status.courses.map(({connection: name}) =>
    h("button", {type: "button", "aria-pressed": String(name === chosen), "data-focus": name, onclick: () => { chosen = name; drawCharts(); }}, name || say.all)));
}

// draw shows the status, each part only when it has changed.
function draw() {
  const s = status, bad = s.health.problems || [], warn = s.health.warnings || [];
  const dead = s.inbox.filter(e => e.state === "dead").length;
  drawTabs({letters: [[dead, true], [s.inbox.length - dead]], troubles: [[s.troubles.length, s.troubles.some(t => t.what !== "slow")]]});
  if (bad.length) pill("bad", say.problems(bad.length));
  else if (warn.length) pill("warn", say.warnings(warn.length));
  else pill("good", say.healthy);
  $("version").textContent = s.health.version + " · " + say.uptime(rough(s.health.uptime * 1000));
  fill("enter", [s.token, s.may], () => [s.may === "change" ? say.logout : say.login]);
  $("enter").hidden = !s.token;
  fill("problems", [bad, warn], () => problems(bad, warn));
  fill("figures", [s.courses[0].hour, s.waiting, deadLetters(s)], () => figures(s));
  fill("connections", s.health.connections, () => s.health.connections.map(connection));
  drawCharts();
  fill("machinery", [s.models, s.tools, s.files], () => machinery(s));
  fill("letters", [s.inbox, s.may, s.token, s.missing], () => letters(s, act));
  fill("troublelist", s.troubles, () => troubles(s.troubles, act));
  $("updated").textContent = say.updated;
}

function pill(kind, text) {
  fill("pill", [kind, text], () => [h("span", {class: "dot"}), text]);
  $("pill").className = "pill " + kind;
  document.title = (kind === "bad" ? "● " : "") + "Longwire · " + text;
}

function drawTabs(counts) {
  const open = tabs.includes(location.hash.slice(1)) ? location.hash.slice(1) : "overview";
  fill("tabs", [open, counts], () => tabs.map(name => h("button", {
    type: "button", role: "tab", id: "tab-" + name, "aria-controls": name, "aria-selected": String(name === open), tabindex: name === open ? 0 : -1, "data-focus": name,
    onclick: () => { location.hash = name; },
  }, say[name], (counts[name] || []).map(([n, bad]) => n > 0 && h("span", {class: "count" + (bad ? " bad" : "")}, figure(n))))));
  for (const name of tabs) $(name).hidden = shut || name !== open;
  if (open === "settings" && !shut) showConfig();
}

$("tabs").addEventListener("keydown", e => {
  const by = {ArrowLeft: -1, ArrowRight: 1}[e.key], at = tabs.indexOf(e.target.dataset.focus);
  if (!by || at < 0) return;
  location.hash = tabs[(at + by + tabs.length) % tabs.length];
  addEventListener("hashchange", () => $("tab-" + location.hash.slice(1)).focus(), {once: true});
});
addEventListener("hashchange", () => {
  config = null; // it may be another one by now
  if (status) draw();
});

// showConfig asks for the configuration when its tab is opened.
async function showConfig() {
  if (config === "") return;
  if (config === null) {
    config = "";
    try { config = await ask("/api/config"); } catch (err) { config = err.status === 404 ? false : null; }
  }
  fill("settings", config, () => settings(config));
}

// poll asks for the status, unless nobody looks.
async function poll() {
  if (asking || document.hidden) return;
  asking = true;
  try {
    status = await ask("/api/status");
    heard = Date.now();
    skew = new Date(status.now) - heard;
    shut = false;
    $("stale").hidden = true;
    draw();
  } catch (err) {
    failed(err);
  } finally {
    asking = false;
  }
}

function failed(err) {
  if (err.status === 401) {
    if (!shut) lock();
    return;
  }
  $("stale").hidden = false;
  $("stale").textContent = err.status ? say.refused + err.message : heard ? say.staleFor(rough(Date.now() - heard)) : say.notReached;
  pill("bad", say.unreachable);
}

// lock hides everything until somebody logs in.
function lock() {
  shut = true;
  status = config = null;
  filled.clear();
  for (const name of tabs) $(name).hidden = true;
  $("tabs").replaceChildren();
  $("enter").hidden = $("stale").hidden = true;
  $("version").textContent = "";
  pill("", say.login);
  act.login();
}

function open(title, ...children) {
  const box = $("dialog");
  box.replaceChildren(h("h2", {id: "dialogtitle"}, title), ...children);
  if (!box.open) box.showModal();
  return box;
}

const buttons = (...all) => h("div", {class: "buttons"}, all);
const tongue = () => h("button", {type: "button", class: "quiet", onclick: switchLanguage, "aria-label": say.otherLanguage}, other().name);
const closer = text => h("button", {type: "button", onclick: () => $("dialog").close()}, text);

$("dialog").addEventListener("cancel", e => shut && e.preventDefault());
$("dialog").addEventListener("close", () => shut && act.login()); // browsers close it all the same
$("dialog").addEventListener("click", e => e.target === $("dialog") && !shut && $("dialog").close());

// act is what the buttons do.
const act = {
  login() {
    const plain = location.protocol === "http:" && !/^(localhost|127\.|\[::1\])/.test(location.host);
    const wrong = h("div", {class: "wrong", role: "alert"});
    const field = h("input", {type: "password", name: "token", autocomplete: "current-password", required: true, "aria-label": say.token, placeholder: say.token});
    const form = h("form", {onsubmit: async e => {
      e.preventDefault();
      try {
        await ask("/api/login", {token: field.value});
        shut = false;
        $("dialog").close();
        filled.clear();
        poll();
      } catch (err) {
        wrong.textContent = err.status === 401 ? say.wrong : err.status === 429 ? say.tooMany(err.wait) : err.message;
        field.select();
      }
    }}, h("p", {class: "faint"}, say.tokenHint), plain && h("p", {class: "notice warn"}, say.plain),
    h("input", {autocomplete: "username", value: "longwire", hidden: true, tabindex: -1}), field, wrong,
    buttons(shut ? tongue() : closer(say.cancel), h("button", {type: "submit", class: "main"}, say.login)));
    open(say.login, form);
    field.focus();
  },
  async logout() {
    await ask("/api/logout", {});
    poll();
  },
  async life(id) {
    try {
      const l = await ask("/api/trace?id=" + encodeURIComponent(id));
      open(say.life + id, h("p", {class: "faint"}, say.on + l.connection), life(l), buttons(closer(say.close)));
    } catch (err) {
      open(say.life + id, h("p", null, err.status === 404 ? say.notFound : err.message), buttons(closer(say.close)));
    }
  },
  retry: id => settle("/api/inbox/retry", id, say.retried),
  drop(id) {
    open(say.dropAsk, h("p", {class: "mono"}, id), h("p", null, say.dropText),
      buttons(closer(say.cancel), h("button", {type: "button", class: "risky", onclick: () => settle("/api/inbox/drop", id, say.dropped)}, say.drop)));
  },
};

async function settle(path, id, done) {
  try {
    await ask(path, {id});
    open(done, h("p", {class: "mono"}, id), buttons(closer(say.close)));
  } catch (err) {
    open(id, h("p", null, err.message), buttons(closer(say.close)));
  }
  poll();
}

// The reader's choices: language and colours.
const night = matchMedia("(prefers-color-scheme: dark)");
const theme = () => kept.get("theme") || (night.matches ? "dark" : "light");

const other = () => words[language === "zh" ? "en" : "zh"];

function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  kept.set("language", language);
  dress();
}

function dress() {
  say = words[language];
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.documentElement.dataset.theme = theme();
  document.querySelectorAll("[data-word]").forEach(node => { node.textContent = say[node.dataset.word]; });
  $("language").textContent = other().name;
  const sun = "M12 7a5 5 0 1 0 0 10 5 5 0 0 0 0-10M12 1v2M12 21v2M1 12h2M21 12h2M4.2 4.2l1.4 1.4M18.4 18.4l1.4 1.4M4.2 19.8l1.4-1.4M18.4 5.6l1.4-1.4";
  const moon = "M20.5 14.2A8.5 8.5 0 1 1 9.8 3.5a6.8 6.8 0 0 0 10.7 10.7z";
  $("theme").replaceChildren(g("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, g("path", {d: theme() === "dark" ? sun : moon})));
  for (const [id, text] of [["theme", theme() === "dark" ? say.toLight : say.toDark], ["language", say.otherLanguage]]) {
    $(id).title = text;
    $(id).setAttribute("aria-label", text);
  }
  $("tabs").setAttribute("aria-label", "Longwire");
  $("choice").setAttribute("aria-label", say.connections);
  $("trace").placeholder = say.findHint;
  $("trace").setAttribute("aria-label", say.findLabel);
  if (status) draw();
  else if (shut) lock();
}

$("language").addEventListener("click", switchLanguage);
$("theme").addEventListener("click", () => { kept.set("theme", theme() === "dark" ? "light" : "dark"); dress(); });
$("enter").addEventListener("click", () => status && status.may === "change" ? act.logout() : act.login());
$("find").addEventListener("submit", e => { e.preventDefault(); if ($("trace").value.trim()) act.life($("trace").value.trim()); });
night.addEventListener("change", dress);
document.addEventListener("visibilitychange", poll);

$("charts").append(...charts.map(c => c.node));
dress();
pill("", say.connecting_);
poll();
setInterval(poll, 2000);

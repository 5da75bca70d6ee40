// The parts of the page, each from what /api/status says.

const stateOf = c => c.state === "connected" ? (c.problem ? "warn" : "good") : c.state === "connecting" ? "warn" : "bad";
const state = (kind, text) => h("span", {class: "state " + kind}, h("span", {class: "dot"}), text);
const fact = (name, value) => h("div", null, h("dt", null, name), h("dd", null, value));

// problems are what keeps messages from being answered, then what has to be mended besides.
function problems(bad, warn) {
  const box = (kind, title, list) => list.length && h("div", {class: "notice " + kind}, h("strong", null, title(list.length)), h("ul", null, list.map(p => h("li", null, told(p)))));
  return [box("bad", say.problems, bad), box("warn", say.warnings, warn)];
}

// deadLetters is how many there are, null where the store could not be asked for all.
const deadLetters = s => s.missing ? null : s.inbox.filter(e => e.state === "dead").length;

// figures are the six that tell the hour at a glance. What nobody knows is no zero.
function figures(s) {
  const hour = s.courses[0].hour, dead = deadLetters(s);
  const known = n => n === null ? "–" : figure(n);
  const ms = v => { const [n, unit] = v ? split(span(v)) : ["–", ""]; return [n, h("small", null, unit)]; };
  const one = (value, name, bad) => h("div", {class: "figure" + (bad ? " bad" : "")}, h("b", null, value), h("span", null, name));
  return [
    one(figure(hour.answered), say.hour(say.answered)), one(figure(hour.failed), say.hour(say.failed), hour.failed > 0),
    one(ms(hour.first_word[1]), say.hour(say.firstWordP95)), one(ms(hour.took[1]), say.hour(say.tookP95)),
    one(known(s.waiting), say.waiting), one(known(dead), say.dead, dead > 0),
  ];
}

// split takes the first number of a duration from the rest of it.
function split(text) {
  const at = text.indexOf(" ");
  return [text.slice(0, at), text.slice(at)];
}

const platforms = {dingtalk: {en: "DingTalk", zh: "钉钉"}, feishu: {en: "Feishu / Lark", zh: "飞书"}};

function connection(c) {
  const facts = [
    fact(say.heard, c.last_frame ? ticking(c.last_frame, say.ago) : say.never),
    fact(say.connects, figure(c.connects)),
    fact(say.events, figure(c.counts.events)),
    c.work ? fact(say.running, figure(c.work.running)) : fact(say.refusedEvents, figure(c.counts.refused)),
  ];
  return h("article", {class: "card" + (stateOf(c) === "bad" ? " bad" : "")},
    h("div", {class: "line"}, h("h3", null, c.name), h("span", {class: "badge"}, (platforms[c.platform] || {})[language] || c.platform)),
    h("div", {class: "line"}, state(stateOf(c), say.state[c.state] || c.state), c.since && ticking(c.since, say.since)),
    c.problem && h("p", {class: "why"}, told(c.problem)),
    h("dl", {class: "facts"}, facts),
    c.budget && meter(c.budget.used, c.budget.api_calls),
    c.votes && h("p", {class: "meter"}, say.votes(figure(c.votes.good), figure(c.votes.bad))));
}

function meter(used, most) {
  const share = used / most, level = share >= 1 ? " bad" : share >= .8 ? " warn" : "";
  return h("div", {class: "meter" + level},
    h("div", {class: "line"}, h("span", null, say.budget), h("span", null, figure(used) + say.of + figure(most) + " (" + Math.floor(share * 100) + " %)")),
    h("progress", {max: most, value: Math.min(used, most), "aria-label": say.budget}));
}

// machinery is what the answers are made with: models, tools, and the files that are
// written on the way.
function machinery(s) {
  const box = (title, list) => list.length ? h("article", {class: "card"}, h("h3", null, title), h("ul", {class: "list"}, list)) : null;
  return [
    box(say.models, s.models.flatMap(m => m.endpoints.map(e => endpoint(m, e)))),
    box(say.tools, s.tools.map(tool)),
    box(say.files, s.files.map(file)),
  ];
}

const entry = (title, state, more) => h("li", null,
  h("div", {class: "line"}, title, h("span", {class: "push"}, state)),
  h("div", {class: "faint"}, more.filter(Boolean).join(" · ")));

function endpoint(m, e) {
  const rests = e.until ? say.until(clock(new Date(e.until))) : say.down;
  const name = m.label === "default" ? e.model : m.label; // a label that nobody has given says nothing
  return entry([h("strong", null, name), m.default && h("span", {class: "badge"}, say.defaultModel)],
    e.problem ? state("bad", rests) : state("good", say.ready), [
      e.endpoint,
      e.model !== name && e.model,
      say.requests(figure(e.requests)),
      e.in_flight && say.inFlight(e.in_flight),
      told(e.problem) || (e.last_error && say.lastError(language === "zh" ? kindOf(e.last_error) : e.last_error)),
      e.keys_resting && say.keysRest(e.keys_resting, e.keys),
      e.key_expires && say.keyUntil(day(new Date(e.key_expires))),
    ]);
}

const tool = t => entry(h("strong", null, t.name), t.up ? state("good", say.up) : state("bad", say.down),
  [t.kind, say.toolCount(t.tools), t.restarts && say.restarts(t.restarts), told(t.problem)]);

const file = f => entry(h("strong", null, f.name), f.problem ? state("bad", say.lostLines(figure(f.lost))) : state("good", say.writing),
  [say.lines(figure(f.lines)), !f.problem && f.lost && say.lostLines(figure(f.lost)), told(f.problem)]);

// letters are the dead letters, what is being answered, and what waits.
function letters(s, act) {
  const part = (title, name, none) => {
    const list = s.inbox.filter(e => e.state === name);
    if (!list.length && !none) return [];
    return [
      h("h2", null, title, h("span", {class: "count" + (name === "dead" && list.length ? " bad" : "")}, figure(list.length))),
      list.length ? h("ul", {class: "rows"}, list.map(e => letter(e, s, act))) : h("p", {class: "empty"}, none),
    ];
  };
  return [
    s.may !== "change" && h("div", {class: "notice warn line"}, locked(s), s.token && h("button", {type: "button", onclick: act.login}, say.login)),
    s.missing && h("div", {class: "notice bad"}, say.incomplete + told(s.missing)),
    part(say.deadTitle, "dead", !s.missing && say.deadNone), part(say.heldTitle, "held"), part(say.waitingTitle, "waiting"),
  ].flat();
}

// locked is why nothing can be changed, "" where it can.
const locked = s => s.may === "change" ? "" : s.token ? say.readLogin : say.readOnly;

function letter(e, s, act) {
  const why = locked(s);
  const button = (text, kind, run) => h("button", {
    type: "button", class: kind, disabled: why !== "", title: why || null, "data-focus": kind + e.id, "aria-label": text + " " + e.id, onclick: run,
  }, text);
  return h("li", null,
    source(e.id, e.connection, e.received, act),
    h("div", {class: "what"},
      h("div", null, h("strong", null, e.from), e.chat && say.inGroup(e.chat)),
      e.reason && h("div", null, told(e.reason)),
      h("div", {class: "faint"}, [e.kind, e.attempts && say.attempts(e.attempts)].filter(Boolean).join(" · "))),
    e.state === "dead" && h("div", {class: "acts"}, button(say.retry, "retry", () => act.retry(e.id)), button(say.drop, "risky", () => act.drop(e.id))));
}

// source is which message it is, and a button that tells its life.
const source = (id, connection, at, act) => h("div", null,
  h("button", {type: "button", class: "link", "data-focus": "trace" + id, onclick: () => act.life(id)}, id),
  h("div", {class: "faint"}, connection + " · ", ticking(at, say.ago)));

function troubles(list, act) {
  if (!list.length) return h("p", {class: "empty"}, say.troubleNone);
  const reason = t => told(t.reason) || (t.what === "slow" ? say.slowFor(span(t.waited + (t.first_word || t.took))) : say.what[t.what]);
  return h("ul", {class: "rows"}, list.map(t => h("li", null,
    source(t.id, t.connection, t.at, act),
    h("div", {class: "what"},
      h("div", null, reason(t)),
      h("div", {class: "faint"}, say.afterWait(span(t.waited), span(t.took)) + (t.first_word ? " · " + say.firstWord + " " + span(t.first_word) : ""))),
    state(t.what === "slow" ? "warn" : "bad", say.what[t.what]))));
}

// life is what happened to a message.
function life(l) {
  const first = new Date(l.marks[0].at);
  const kind = {answered: "good", dead: "bad", failed: "bad"};
  const when = at => moment(at) + (at > first ? " · +" + span(at - first) : "");
  return h("ol", {class: "life"}, l.marks.map(m => h("li", {class: kind[m.what]},
    h("div", {class: "line"}, h("strong", null, say.mark[m.what] || m.what), h("span", {class: "faint"}, when(new Date(m.at)))),
    m.detail && h("p", {class: "faint"}, m.what === "taken" ? say.attempt(m.detail) : told(m.detail)))));
}

// settings is YAML with its keys, its comments and its missing secrets set apart.
function settings(text) {
  if (!text) return h("p", {class: "empty"}, say.configNone);
  const line = raw => {
    const [, before, name, rest] = raw.match(/^(\s*(?:- )?)([\w.\/-]+:)?(.*)$/);
    const at = rest.search(/(^|\s)#/), value = at < 0 ? rest : rest.slice(0, at);
    const parts = value.split("[redacted]").flatMap((t, i) => i ? [h("span", {class: "secret"}, "[redacted]"), t] : [t]);
    return [before, name && h("span", {class: "key"}, name), parts, at >= 0 && h("span", {class: "note"}, rest.slice(at)), "\n"].flat();
  };
  return [h("p", {class: "faint"}, say.configNote), h("pre", {class: "config", tabindex: 0}, text.trimEnd().split("\n").map(line).flat().filter(Boolean))];
}

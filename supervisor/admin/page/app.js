// The dashboard: takes what the stream brings, decides what to say first, and has the parts draw themselves.
import { Actions } from './actions.js';
import { byId, h, icon, setAttribute, setText } from './dom.js';
import { EventLists } from './event_lists.js';
import { EventLog } from './event_log.js';
import { moment, plain, span } from './format.js';
import { History } from './history.js';
import { PoolCard } from './pool_card.js';
import { Stream } from './stream.js';
import { problemsOf, Saturation, verdictOf } from './verdict.js';
import { WorkerPanel } from './worker_panel.js';

const kMarks = {
  well: 'M5 12.5l4.5 4.5L19 7.5', warn: 'M12 5v9M12 18v1.5', bad: 'M6 6l12 12M18 6L6 18', lost: 'M4 12h3M10.5 12h3M17 12h3', wait: 'M12 6v6l4 2',
};
const kIconColors = { well: '#1a7f4b', warn: '#b26a00', bad: '#c62f2f', lost: '#6b7480', wait: '#6b7480' };
const kLinkWords = { live: 'Live', reconnecting: 'Reconnecting', gone: 'Supervisor gone', replaced: 'Not live' };
const kNoticeFor = 8000;

let status = null;
let clockAhead = 0;  // of the supervisor's clock before this browser's, in ms
let stoppedAt = null;  // the supervisor has said that it has stopped, and has not come back
let shownVersion = null;
let noticeTimer = 0;
let frame = 0;
let nextCard = 0;

const serverNow = () => Date.now() + clockAhead;
const history = new History();
const log = new EventLog(serverNow);
const saturation = new Saturation();
const lists = new EventLists(log);
const panel = new WorkerPanel((pool, worker) => log.deaths.find((death) => death.pool === pool && death.worker === worker) ?? null);
const actions = new Actions(() => (status ? { status } : null), say);
const cards = new Map();

const stream = new Stream('/stream', {
  opened: readHistory,
  status: takeStatus,
  sample: takeSample,
  event: takeEvent,
});

function say(sentence) {
  setText(byId('notice'), sentence);
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => setText(byId('notice'), ''), kNoticeFor);
}

async function readHistory() {
  try {
    const answer = await fetch('/history.json', { cache: 'no-store' });
    if (answer.ok) history.merge(await answer.json());
  } catch {
    return;  // the stream says that the connection is lost
  }
  draw();
}

function takeStatus(fresh) {
  // Another process: its events begin anew, so the stream must not go on after the number of the last one.
  if (status && status.pid !== fresh.pid) setTimeout(() => stream.open());
  status = fresh;
  stoppedAt = null;
  shownVersion ??= fresh.version;
  saturation.see(fresh);
  if (document.hidden) drawVerdict(problemsNow());  // its title and its icon are seen in the background, too
  draw();
}

function takeSample(sample) {
  const ahead = sample.time * 1000 - Date.now();
  clockAhead = Math.abs(ahead) > 2500 ? ahead : 0;
  history.add(sample);
}

function takeEvent(event) {
  if (!log.add(event)) return;
  const at = Date.parse(event.time);
  if (event.event === 'stopped' && !(status && at < serverNow() - status.uptime_ms)) stoppedAt = at;  // the stored ones may be of the one before
  if (event.event === 'worker_died' && !event.planned) cards.get(event.pool)?.board.mark(event.worker, at - clockAhead);
  draw();
}

const problemsNow = () => (status ? problemsOf(status, saturation, log) : []);

/// Once for all that comes until the next frame; never while the page is in the background.
function draw() {
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    const problems = problemsNow();
    drawAll(problems);
    drawVerdict(problems);  // its links lead to the pools
  });
}

/// Of the tab.
function pictureOf(level) {
  return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">'
    + `<circle cx="12" cy="12" r="12" fill="${kIconColors[level]}"/>`
    + `<path d="${kMarks[level]}" fill="none" stroke="#fff" stroke-width="3" stroke-linecap="round"/></svg>`;
}

function drawVerdict(problems) {
  const { level, word, reasons } = verdictOf(status, problems, { lostFor: stream.lostFor, stoppedAt, replaced: stream.state === 'replaced' }, serverNow());
  const section = byId('verdict');
  if (section.dataset.level !== level || byId('verdict-mark').childElementCount === 0) {
    section.dataset.level = level;
    byId('verdict-mark').replaceChildren(icon(kMarks[level]));
    byId('icon').href = `data:image/svg+xml,${encodeURIComponent(pictureOf(level))}`;
  }
  setText(byId('verdict-word'), word);
  document.title = [word, ...(status ? nameOf(status) : []), location.host].join(' – ');
  drawReasons(word, reasons);
  // Without the figures, which change each second: this is read out.
  setText(byId('spoken'), [word, ...reasons.filter((reason) => reason.pool !== undefined).map((reason) => `${reason.word}: pool ${plain(reason.pool)}`)].join('. '));
  const state = stream.state;
  setAttribute(byId('link'), 'data-state', state);
  setText(byId('link'), status || state !== 'reconnecting' ? kLinkWords[state] : 'Connecting');
  setAttribute(byId('page'), 'data-live', String(level !== 'lost'));
}

function drawReasons(word, reasons) {
  const list = byId('verdict-text');
  while (list.children.length > reasons.length) list.lastChild.remove();
  reasons.forEach((reason, index) => {
    const line = list.children[index] ?? list.appendChild(h('p', {}));
    const before = index > 0 && reason.word !== word && reason.word !== undefined ? `${reason.word}: ` : '';
    const card = reason.pool === undefined ? undefined : cards.get(reason.pool);
    const key = `${before}|${card?.element.id}|${reason.pool}|${reason.text}`;
    if (line.dataset.key === key) return;
    line.dataset.key = key;
    const pool = reason.pool === undefined ? [] : [card ? h('a', { href: `#${card.element.id}` }, h('bdi', {}, `pool ${plain(reason.pool)}`)) : `pool ${plain(reason.pool)}`, ' – '];
    line.replaceChildren(before, ...pool, reason.text);
  });
}

function poolActions(name) {
  const box = h('div', { class: 'actions pool-actions' }, actions.button('reset_failed', name), actions.button('scale', name), actions.button('restart', name));
  box.hidden = true;
  return box;
}

function drawAll(problems) {
  if (!status) return;
  drawFacts();
  const names = new Set(status.pools.map((pool) => pool.name));
  for (const [name, card] of cards) {
    if (names.has(name)) continue;
    card.remove();
    cards.delete(name);
  }
  const box = byId('pools');
  const may = status.admin?.actions === true;
  status.pools.forEach((pool, index) => {
    let card = cards.get(pool.name);
    if (!card) cards.set(pool.name, card = new PoolCard(pool.name, nextCard++, history, (name, worker) => panel.open(name, worker), poolActions));
    if (box.children[index] !== card.element) box.insertBefore(card.element, box.children[index] ?? null);
    card.update(pool, problems.filter((problem) => problem.pool === pool.name));
    const buttons = card.element.querySelector('.pool-actions');
    buttons.hidden = !may || pool.removed;
    buttons.firstChild.hidden = pool.start_failures === 0;
  });
  byId('actions').hidden = !may;
  lists.update();
  lists.tick(serverNow());
}

/// Tells the supervisors of one machine apart; main is the default, and says nothing.
const nameOf = ({ name }) => (name && name !== 'main' ? [plain(name)] : []);

function drawFacts() {
  const parts = [...nameOf(status), status.version, `pid ${status.pid}`, `up ${span(status.uptime_ms)}`, plain(status.config_file)];
  if (status.reload) parts.push(`reload ${status.reload.applied ? 'applied' : 'refused'} ${span(status.reload.ago_ms)} ago`);
  if (status.version !== shownVersion) parts.push(`upgraded from ${shownVersion}: load this page anew`);
  setText(byId('facts'), parts.join('  ·  '));
  byId('facts').title = `Time of the supervisor: ${moment(serverNow())}`;
}

byId('actions').append(actions.forget, actions.button('reload', null), actions.button('restart', null), actions.button('stop', null));
byId('actions').hidden = true;
byId('side').append(...lists.elements);
lists.update();
// While nothing comes: how long it has been so.
setInterval(() => {
  if (stream.state === 'live') return;
  if (document.hidden) drawVerdict(problemsNow());
  draw();
}, 500);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => cards.forEach((card) => card.recolor()));

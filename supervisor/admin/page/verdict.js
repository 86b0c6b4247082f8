// Is it well, and why not? Decides; touches no document.
import { ago, count, counted, duration, firstPart, moment, plain, span } from './format.js';

/// The worst one first. `level` colours it; a note leaves the word "Well".
const kOrder = ['Stopping', 'Not ready', 'Saturated', 'Workers die', 'Workers stopped', 'Backlog full', 'Rollout failed', 'Reload refused', 'Note'];
const kLongTurn = 50;  // ms, as `supervisor top` marks it
const kLately = 5 * 60e3;

/// How often a pool was saturated in the last statuses: a burst of a tenth of a second is not worth the word.
export class Saturation {
  #counts = new Map();

  see(status) {
    const names = new Set();
    for (const pool of status.pools) {
      names.add(pool.name);
      const before = this.#counts.get(pool.name) ?? 0;
      this.#counts.set(pool.name, pool.saturated ? Math.min(before + 1, 4) : Math.max(before - 1, 0));
    }
    for (const name of this.#counts.keys()) if (!names.has(name)) this.#counts.delete(name);
  }

  lasts(name) {
    return (this.#counts.get(name) ?? 0) >= 2;
  }
}

const isActive = (pool) => !pool.removed && pool.wanted > 0;

function whyNotReady(pool, deaths) {
  const stopped = stoppedWorkers(pool);
  if (stopped) return `has no ready worker; ${stopped}`;
  const last = deaths.lastUnplanned(pool.name);
  if (last) return `has no ready worker; last death: ${firstPart(last.text)}`;
  return pool.start_failures > 0 ? `has no ready worker; ${counted(pool.start_failures, 'start')} in a row failed` : 'has no ready worker yet';
}

function notReady(pool, deaths) {
  if (isActive(pool) && pool.ready === 0) return whyNotReady(pool, deaths);
  const missing = pool.listeners?.find((listener) => listener.file_missing);
  if (missing) return `${plain(missing.address)}: its file is missing, no client can connect; a reload opens it anew`;
  const { now, limit } = pool.queue;
  if (limit > 0 && now >= limit) return `the queue is full: ${count(now)} of ${count(limit)} connections wait`;
  return null;
}

function saturated(pool) {
  const waits = pool.queue.now === 1 ? '1 connection waits' : `${count(pool.queue.now)} connections wait`;
  return `${waits} for a worker; wait in the last minute p99 ${duration(pool.queue.wait_p99_ms)}`;
}

function rolloutFailed(pool) {
  const { rollout } = pool;
  const serves = pool.generation !== rollout.generation ? `; generation ${pool.generation} serves on` : '';
  return `generation ${rollout.generation}: ${firstPart(rollout.text) || 'no reason given'}${serves}`;
}

function fullBacklog(pool) {
  const full = pool.listeners?.find(({ backlog, backlog_limit: limit }) => limit > 0 && backlog >= limit * 0.8);
  return full ? `${plain(full.address)}: ${count(full.backlog)} of ${count(full.backlog_limit)} connections wait in the kernel` : null;
}

function stoppedWorkers(pool) {
  const stopped = [...pool.scoreboard].filter((state) => state === 'Z').length;
  return stopped > 0 ? `${counted(stopped, 'worker')} stopped by a signal (SIGSTOP)` : null;
}

function dying(pool, deaths) {
  const last = deaths.lastUnplanned(pool.name);
  return `${counted(pool.start_failures, 'start')} in a row failed${last ? `; last death: ${firstPart(last.text)}` : ''}`;
}

function* poolProblems(pool, saturation, deaths, stopping) {
  const of = (level, word, text) => ({ level, word, pool: pool.name, text });
  const unready = stopping ? null : notReady(pool, deaths);
  if (unready) yield of('bad', 'Not ready', unready);
  if (saturation.lasts(pool.name)) yield of('warn', 'Saturated', saturated(pool));
  if (pool.start_failures > 0 && pool.ready > 0) yield of('warn', 'Workers die', dying(pool, deaths));
  const stopped = stoppedWorkers(pool);
  if (stopped) yield of('warn', 'Workers stopped', stopped);
  const backlog = fullBacklog(pool);
  if (backlog) yield of('warn', 'Backlog full', backlog);
  if (pool.rollout?.outcome === 'failed') yield of('warn', 'Rollout failed', rolloutFailed(pool));
}

function stoppingText(status) {
  const left = status.stop_delay_left_ms;
  if (left > 0) return `connections are accepted for ${span(left)} more, while load balancers notice`;
  const held = status.pools.reduce((sum, pool) => sum + pool.with_workers + pool.queue.now, 0);
  return held > 0 ? `no new connections; ${counted(held, 'connection')} ${held === 1 ? 'is' : 'are'} still served` : 'the workers end';
}

function refusedText(reload) {
  const first = reload.mistakes?.[0];
  return `the last reload, ${span(reload.ago_ms)} ago${first ? `: ${plain(first)}` : ''}; the configuration of before is in force`;
}

function deathsText(died) {
  const [last] = died;
  const count = died.length === 1 ? 'a worker' : counted(died.length, 'worker');
  return `${count} died in the last 5 minutes; ${died.length === 1 ? 'it was' : 'the last was'} of pool ${plain(last.pool)}: ${firstPart(last.text)}`;
}

function* wholeProblems(status, deaths) {
  if (status.stopping) yield { level: 'warn', word: 'Stopping', text: stoppingText(status) };
  if (status.reload && !status.reload.applied) yield { level: 'warn', word: 'Reload refused', text: refusedText(status.reload) };
  const died = deaths.unplannedWithin(kLately);
  if (died.length > 0) yield { level: 'note', word: 'Note', text: deathsText(died) };
  if (status.longest_turn_last_minute_ms >= kLongTurn) {
    const text = `the event loop stood still for ${duration(status.longest_turn_last_minute_ms)} in the last minute`;
    yield { level: 'note', word: 'Note', text };
  }
  if (status.log_file_fault) yield { level: 'note', word: 'Note', text: `the log file: ${plain(status.log_file_fault)}` };
  if (status.control_file_missing) yield { level: 'note', word: 'Note', text: 'the file of the control socket is missing: no command can connect until a reload' };
}

/// Each problem is {level, word, pool, text}; `deaths` answers lastUnplanned(pool) and unplannedWithin(ms), both the latest first.
export function problemsOf(status, saturation, deaths) {
  const found = [...wholeProblems(status, deaths)];
  for (const pool of status.pools) found.push(...poolProblems(pool, saturation, deaths, status.stopping));
  return found.sort((a, b) => kOrder.indexOf(a.word) - kOrder.indexOf(b.word));
}

function wellText(status) {
  const active = status.pools.filter((pool) => !pool.removed);
  const ready = active.reduce((sum, pool) => sum + pool.ready, 0);
  const wanted = active.reduce((sum, pool) => sum + pool.wanted, 0);
  const queued = active.reduce((sum, pool) => sum + pool.queue.now, 0);
  const waits = queued === 0 ? 'no connection waits' : `${counted(queued, 'connection')} just now in a queue`;
  return `${counted(active.length, 'pool')}, ${count(ready)} of ${counted(wanted, 'worker')} ready, ${waits}`;
}

/// {level, word, reasons}: what the page says first. `lostFor`: how long there has been no word from the supervisor; 0: there is.
/// `stoppedAt`: when it said that it had stopped; null: it has not, or has come back. `replaced`: newer pages have taken this one's place.
export function verdictOf(status, problems, { lostFor, stoppedAt, replaced }, now) {
  if (replaced) {
    const text = 'too many pages watch this supervisor, and a newer one has taken the place of this one: load it anew to go on';
    return { level: 'lost', word: 'Not live', reasons: [{ level: 'lost', text }] };
  }
  if (stoppedAt !== null) {
    const below = status ? '; what is shown below was true before' : '';
    const text = `the supervisor was stopped at ${moment(stoppedAt)}, ${ago(Math.max(0, now - stoppedAt))}${below}`;
    return { level: 'lost', word: 'Stopped', reasons: [{ level: 'lost', text }] };
  }
  if (lostFor > 0) {
    const text = status ? `for ${span(lostFor)}; what is shown below was true then` : 'and there has been none yet';
    return { level: 'lost', word: 'No connection to the supervisor', reasons: [{ level: 'lost', text }] };
  }
  if (!status) return { level: 'wait', word: 'Connecting', reasons: [] };
  const worst = problems.find((problem) => problem.level !== 'note');
  if (!worst) return { level: 'well', word: 'Well', reasons: [{ level: 'well', text: wellText(status) }, ...problems] };
  return { level: problems.some((problem) => problem.level === 'bad') ? 'bad' : worst.level, word: worst.word, reasons: problems };
}

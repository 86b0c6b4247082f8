// Figures, times and foreign text in words. Knows nothing of the document.

const kMinute = 60e3;
const kHour = 60 * kMinute;
const kDay = 24 * kHour;
const kUnknown = '–';

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const clock = new Intl.DateTimeFormat('en', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' });
const day = new Intl.DateTimeFormat('en', { day: 'numeric', month: 'short' });

const known = (value) => typeof value === 'number' && Number.isFinite(value);

export function count(value) {
  return known(value) ? whole.format(value) : kUnknown;
}

/// "3 workers", "1 worker".
export function counted(value, noun) {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`;
}

/// "0.4", "7.5", "60", "1,240".
export function rate(value) {
  if (!known(value)) return kUnknown;
  return value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : whole.format(value);
}

export function percent(share) {
  return known(share) ? `${Math.round(share * 100)} %` : kUnknown;
}

/// "40 µs", "3.4 ms", "120 ms", "1.2 s", "5 min", "3 h", "2 d", as the supervisor's log has it.
export function duration(ms) {
  if (!known(ms)) return kUnknown;
  if (ms === 0) return '0 ms';
  if (ms < 1) return `${Math.max(1, Math.round(ms * 1000))} µs`;
  if (ms < 99.95) return `${ms.toFixed(1)} ms`;
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 99.95e3) return `${(ms / 1e3).toFixed(1)} s`;
  return span(ms);
}

/// In whole units, for ages: "12 s", "5 min", "3 h 20 min", "2 d 4 h".
export function span(ms) {
  if (!known(ms)) return kUnknown;
  if (ms < kMinute) return `${Math.floor(ms / 1e3)} s`;
  if (ms < kHour) return `${Math.floor(ms / kMinute)} min`;
  const [unit, of, name, below] = ms < kDay ? [kHour, kMinute, 'h', 'min'] : [kDay, kHour, 'd', 'h'];
  const rest = Math.floor((ms % unit) / of);
  return `${Math.floor(ms / unit)} ${name}${rest > 0 ? ` ${rest} ${below}` : ''}`;
}

export function ago(ms) {
  return ms < 1000 ? 'just now' : `${span(ms)} ago`;
}

export function timeOfDay(ms) {
  return clock.format(ms);
}

/// With the day, when that is another one than today's.
export function moment(ms, now = Date.now()) {
  const same = new Date(ms).toDateString() === new Date(now).toDateString();
  return same ? clock.format(ms) : `${day.format(ms)} ${clock.format(ms)}`;
}

// Control characters, and those that turn the direction of what follows or cannot be seen.
const kUnseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
const kMostText = 20000;

/// Foreign text: what cannot be seen is written out, and what is too long is cut.
export function plain(text) {
  const all = String(text ?? '');
  const kept = all.length > kMostText ? `${all.slice(0, kMostText)}…` : all;
  return kept.replace(kUnseen, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/// The first of the sentences that a report is made of ("killed by signal 9 (SIGKILL); age 3 s; …").
export function firstPart(text) {
  const all = plain(text);
  const end = all.indexOf(';');
  return end < 0 ? all : all.slice(0, end);
}

'use strict';
// What this process has inherited: whether it is a worker of the supervisor, and what its children must not inherit.

/** True in the process that the supervisor has started. Node has removed NODE_CHANNEL_FD and NODE_UNIQUE_ID by now. */
function isWorker() {
  if (!process.channel || process.env.SUPERVISOR_SLOTS === undefined) return false;
  return require('node:worker_threads').isMainThread && require('node:cluster').isWorker;
}

function quoted(text) {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** Removes `--require FILE` from NODE_OPTIONS: a child of this program has another parent, or none. */
function hideFromChildren(file) {
  const options = process.env.NODE_OPTIONS;
  if (options === undefined) return;
  // In NODE_OPTIONS a path with spaces stands in double quotes, with a backslash before " and \.
  const written = [file, `"${file.replace(/["\\]/g, '\\$&')}"`].map(quoted).join('|');
  const rest = options.replace(new RegExp(`(^|\\s)(?:--require|-r)(?:\\s+|=)(?:${written})(?=\\s|$)`), '').trim();
  if (rest === '') delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = rest;
}

module.exports = { isWorker, hideFromChildren };

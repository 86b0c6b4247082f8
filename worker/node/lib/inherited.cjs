'use strict';
// What this process has inherited: whether it is a worker of the supervisor, and what its children must not inherit.

const fs = require('node:fs');

/** True in the process that the supervisor has started. Node has removed NODE_CHANNEL_FD and NODE_UNIQUE_ID by now. */
function isWorker() {
  if (!process.channel || process.env.SUPERVISOR_SLOTS === undefined) return false;
  return require('node:cluster').isWorker;
}

/** In NODE_OPTIONS a path with spaces stands in double quotes, with a backslash before " and \. */
function isFile(written, file) {
  const path = written.startsWith('"') ? written.slice(1, -1).replace(/\\(.)/g, '$1') : written;
  try {
    return fs.realpathSync(path) === file;
  } catch {
    return false;
  }
}

/** Removes `--require FILE` from NODE_OPTIONS: a child of this program has another parent, or none. */
function hideFromChildren(file) {
  const options = process.env.NODE_OPTIONS;
  if (options === undefined) return;
  const required = /(?:^|\s)(?:--require|-r)(?:\s+|=)("(?:[^"\\]|\\.)*"|\S+)/g;
  const rest = options.replace(required, (whole, written) => (isFile(written, file) ? '' : whole)).trim();
  if (rest === '') delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = rest;
}

module.exports = { isWorker, hideFromChildren };

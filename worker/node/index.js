'use strict';
// What a program may ask for. The module itself is preloaded by the supervisor, perhaps from another place than the
// program's own copy of this package: both meet at a symbol. Without the supervisor nothing here does anything.

const worker = globalThis[Symbol.for('prefork-worker')];

/** The connection of a net.Socket, a TLSSocket, or of a request or response that has one. */
function found(what) {
  if (worker === undefined || what === null || typeof what !== 'object') return undefined;
  return worker.connectionOf(what.socket ?? what);
}

function connectionOf(what) {
  const connection = found(what);
  return connection && {
    ticket: connection.ticket,
    listener: connection.listener,
    acceptedAt: connection.acceptedAt,
    queuedMs: connection.waitUs / 1000,
    memo: connection.memo,
    mayPark: connection.mayPark,
    lastRequest: connection.lastRequest,
  };
}

function setMemo(what, memo) {
  const bytes = memo === null ? null : Buffer.from(memo);
  if (bytes !== null && bytes.length > 120) throw new RangeError(`a memo has at most 120 bytes, not ${bytes.length}`);
  const connection = found(what);
  if (connection) connection.memo = bytes !== null && bytes.length > 0 ? bytes : null;
  return connection !== undefined;
}

function progress(what) {
  const connection = found(what);
  if (connection) worker.progress(connection);
}

function note(text) {
  worker?.note(String(text));
}

function reportLoad(thousandths) {
  if (!Number.isFinite(thousandths)) throw new TypeError('a load is a number from 0 to 1000');
  worker?.reportLoad(Math.min(Math.max(Math.round(thousandths), 0), 1000));
}

function leave() {
  worker?.leave();
}

const underSupervisor = worker !== undefined;

module.exports = { underSupervisor, connectionOf, setMemo, progress, note, reportLoad, leave };

// Statuses as the supervisor sends them (docs/control.md), for tests that need a certain one.

const counters = () => Object.fromEntries(
  ['accepted', 'dispatched', 'redispatched', 'parked', 'evicted', 'begun', 'served', 'lost', 'gave_up', 'rejected', 'expired', 'discarded',
    'left', 'silent', 'starts', 'start_failures', 'crashes', 'violations'].map((name) => [name, 0]));

/// A pool that is well, with `workers` idle workers; `changes` replaces members.
export function poolOf(name, workers = 4, changes = {}) {
  return {
    name, state: 'running', removed: false, accepting: true, saturated: false,
    configured: workers, wanted: workers, ready: workers, scheduled: 0, start_failures: 0, generation: 1, trial: null,
    rollout: { generation: 1, outcome: 'took_over', ago_ms: 60000, text: '', output: [] },
    with_workers: 0, lobby: { silent: 0, parked: 0 },
    queue: { now: 0, most: 0, limit: 1024, wait_p50_ms: 0.1, wait_p99_ms: 1.5, wait_max_ms: 4 },
    busy_time: { p50_ms: 3, p99_ms: 20, max_ms: 40 }, counters: counters(), deaths: {}, rollouts: { took_over: 1, failed: 0, abandoned: 0 },
    scoreboard: '_'.repeat(workers), scoreboard_workers: `1-${workers}`,
    listeners: [{ address: '127.0.0.1:8080', accepted: 0, paused: false, file_missing: false, backlog: 0, backlog_limit: 4096 }],
    ...changes,
  };
}

export function statusOf(pools, changes = {}) {
  return {
    version: '0.1.0', pid: 2292, config_file: '/etc/supervisor/pool.json', uptime_ms: 3600000, stopping: false, stop_delay_left_ms: null,
    control_file_missing: false, log_file_fault: '', strangers_reaped: 0, longest_turn_ms: 4.8, longest_turn_last_minute_ms: 0.6, spawners: [2300, 2301],
    reload: null, reloads: { applied: 0, refused: 0 }, upgrades: { succeeded: 0, refused: 0 }, seccomp_from: null,
    admin: { pid: 2310, state: 'running', restarts: 0, addresses: ['127.0.0.1:9465'], agent: [], actions: false },
    pools, ...changes,
  };
}

export function deathOf(pool, worker, changes = {}) {
  return {
    event: 'worker_died', pool, worker, pid: 4000 + worker, role: 'worker', generation: 1, planned: false, how: 'signaled', value: 9,
    reason: 'not ended by the supervisor', killed_by_us: false, was_ready: true, age_ms: 21000, served: 298, refused: 0,
    held_begun: 1, held_unbegun: 0, held_closed: 0,
    text: 'killed by signal 9 (SIGKILL) (not by the supervisor); age 21.0 s, served 298; had begun 1 connection', output: ['last line'],
    ...changes,
  };
}

/// The row of one worker, as /worker.json has it.
export function workerOf(worker, changes = {}) {
  return {
    worker, pid: 4000 + worker, role: 'worker', state: 'busy', reason: '', load: 1, reported_load: 0, slots: 1, served: 12, generation: 1,
    age_ms: 90000, in_state_ms: 12, restarts: 0, last_death: '', note: '', ...changes,
  };
}

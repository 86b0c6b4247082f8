#include "worker/accept/processes.h"

#include <signal.h>
#include <sys/prctl.h>

#include <atomic>
#include <cerrno>
#include <cstdio>

#include "worker/accept/attendant.h"
#include "worker/accept/channel.h"
#include "worker/accept/connections.h"
#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/drain.h"
#include "worker/accept/fork_gate.h"
#include "worker/accept/listener.h"
#include "worker/accept/next_function.h"
#include "worker/accept/result.h"
#include "worker/accept/threads.h"

namespace prefork::accept {
namespace {

PREFORK_NEXT(fork, pid_t());

/// Whether there may be children that nothing watches: watching takes a thread, which a program that does not
/// listen yet, such as a shell, is not given.
constinit std::atomic<bool> unwatched{false};

void inherit(std::uint32_t parent, std::uint32_t child) {
  context.tree->listeners_more(child, context.tree->process(parent).listeners);
  context.tree->each_held(parent,
                          [child](std::uint32_t connection) { context.tree->hold(child, connection); });
}

/// A child of a program's main thread ends with it, unless it changes its user: a killed master leaves no
/// process.
void end_with_parent(int parent) {
  (void)raw::call(SYS_prctl, PR_SET_PDEATHSIG, SIGTERM, 0, 0, 0);
  if (raw::call(SYS_getppid) != parent) (void)raw::call(SYS_kill, raw::process_id(), SIGTERM);
}

void become_child(std::uint32_t process, int parent, bool main_thread) {
  ClosedGate::reset_in_child();
  const int pid = raw::process_id();
  context.pid = pid;
  context.process = process;
  if (process != kNoRow) {
    context.tree->process(process).pid = pid;
    context.tree->each_held(process, [](std::uint32_t connection) { watches_of(connection).forget(); });
  }
  for (Listener& listener : listeners) {
    if (listener.descriptors > 0) listener.watches.forget();
  }
  forget_attendant();
  unwatched = false;
  if (main_thread && context.tree->owner == parent) end_with_parent(parent);
}

void forget_dead_children() {
  if (!unwatched) return;
  int left = context.tree->living();
  for (std::uint32_t child = 0; child < kMaxProcesses && left > 0; ++child) {
    const TreeProcess& row = context.tree->process(child);
    const int pid = row.pid;
    if (pid != 0) --left;
    if (pid > 0 && row.parent == context.process && raw::call(SYS_kill, pid, 0) == -ESRCH)
      process_gone(child, pid);
  }
}

void watch(pid_t pid, std::uint32_t child) {
  if (context.tree->owner == 0 || !attend_child(pid, child)) unwatched = true;
}

/// The children of a dead process were watched by it.
void adopt_children(std::uint32_t dead) {
  for (std::uint32_t child = 0; child < kMaxProcesses; ++child) {
    TreeProcess& row = context.tree->process(child);
    std::uint32_t parent = dead;
    const int pid = row.pid;
    if (pid > 0 && row.parent.compare_exchange_strong(parent, context.process)) watch(pid, child);
  }
}

}  // namespace

void note_background() {
  if (!active() || context.tree->draining || context.tree->ended || context.tree->finishing) return;
  constexpr char kText[] = "goes to the background; a worker stays in the foreground";
  tell_note(kText, sizeof(kText) - 1);
}

pid_t fork_tracked() {
  if (!active() || !in_own_process()) return next_fork();
  const int parent = context.pid;
  const bool main_thread = raw::thread_id() == parent;
  std::uint32_t child = kNoRow;
  pid_t pid = 0;
  forget_dead_children();
  {
    ClosedGate gate;
    if (tracked()) child = context.tree->new_process(context.process);
    if (child != kNoRow) inherit(context.process, child);
    pid = next_fork();
    if (pid == 0) become_child(child, parent, main_thread);
  }
  if (pid == 0 || child == kNoRow) return pid;
  const KeepErrno keep;
  if (pid < 0) {
    process_gone(child, -1);
  } else {
    context.tree->process(child).pid = pid;
    watch(pid, child);
  }
  return pid;
}

void process_gone(std::uint32_t process, pid_t pid) {
  Tree& tree = *context.tree;
  int expected = pid;
  if (!tree.process(process).pid.compare_exchange_strong(expected, -1)) return;
  bool unknown = false;
  tree.each_held(process, [&](std::uint32_t connection) {
    const bool told = tree.connection(connection).told;
    const std::uint64_t ticket = tree.let_go(process, connection);
    if (told) connection_ended(ticket);
    unknown = unknown || (!told && ticket != 0);
  });
  const bool last = tree.listeners_less(process, tree.process(process).listeners);
  adopt_children(process);
  tree.free_process(process);
  if (last) leave();
  // It died while it said Busy. Only the end of this worker lets the supervisor find out what it has heard.
  if (unknown) give_up();
}

void before_exit(bool buffered) {
  if (!active() || !in_own_process() || !tracked()) return;
  const bool may_serve = context.tree->listeners() > 0 || !context.tree->ready;
  if (context.process == 0 && may_serve) {
    const KeepErrno keep;
    forget_dead_children();
    if (context.tree->shared()) note_background();
  }
  // Another thread could be given a number that is closed here, while a third one still writes to it.
  if (!single_threaded()) return;
  const KeepErrno keep;
  if (buffered && context.tree->holds_any(context.process)) (void)std::fflush(nullptr);
  for (int fd = 0; fd < table.end(); ++fd) {
    if (table.look(fd).kind != Kind::kConnection) continue;
    const Entry entry = before_close(fd);
    (void)raw::close(fd);
    closed(entry);
  }
}

}  // namespace prefork::accept

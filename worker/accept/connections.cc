#include "worker/accept/connections.h"

#include <atomic>

#include "worker/accept/channel.h"
#include "worker/accept/context.h"
#include "worker/accept/drain.h"
#include "worker/accept/listener.h"
#include "worker/accept/result.h"

namespace prefork::accept {
namespace {

struct Row {
  std::atomic<int> descriptors;  ///< of this process
  std::atomic<std::uint64_t> ticket;
  Watches<2> watches;
};

constinit Row rows[kMaxConnections];

void let_go(std::uint32_t connection) {
  if (rows[connection].descriptors.fetch_sub(1) != 1 || !tracked()) return;
  connection_ended(context.tree->let_go(context.process, connection));
}

/// One descriptor less of what the entry says. The table's entry of a number that the kernel has just given
/// anew is such a one, too: it was closed without the library seeing it.
void settle(Entry gone) {
  if (gone.kind == Kind::kConnection) let_go(gone.index);
  if (gone.kind == Kind::kListener) drop_listener(gone.index);
}

}  // namespace

bool begin_connection(int fd, std::uint64_t ticket, const Listener& listener) {
  const std::uint32_t index = fd < kMaxDescriptors && tracked()
                                  ? context.tree->begin(context.process, ticket, listener.domain)
                                  : kNoRow;
  if (index == kNoRow) {
    (void)raw::close(fd);
    (void)tell(Record::kRefused, ticket);
    return false;
  }
  rows[index].descriptors = 1;
  rows[index].ticket = ticket;
  rows[index].watches.forget();
  settle(table.exchange(fd, {Kind::kConnection, index}));
  if (tell(Record::kBusy, ticket)) {
    context.tree->told(index);
    return true;
  }
  table.exchange(fd, {});
  context.tree->forget(context.process, index);
  (void)raw::close(fd);
  return false;
}

int family_of(std::uint32_t connection) { return context.tree->connection(connection).family; }
Watches<2>& watches_of(std::uint32_t connection) { return rows[connection].watches; }

void copied(int from, int to) {
  const Entry entry = table.look(from);
  if (entry.kind == Kind::kNone || entry.kind == Kind::kPrivate || to < 0 || to >= kMaxDescriptors) return;
  if (entry.kind == Kind::kConnection) {
    ++rows[entry.index].descriptors;
  } else {
    ++listeners[entry.index].descriptors;
    if (tracked()) context.tree->listeners_more(context.process, 1);
  }
  settle(table.exchange(to, entry));
}

Entry before_close(int fd) {
  const Entry entry = table.look(fd);
  if (entry.kind == Kind::kNone || entry.kind == Kind::kPrivate) return {};
  if (entry.kind == Kind::kConnection) {
    rows[entry.index].watches.leave(fd);
  } else {
    listeners[entry.index].watches.leave(fd);
  }
  return table.exchange(fd, {});
}

void closed(Entry entry) {
  if (entry.kind == Kind::kNone) return;
  const KeepErrno keep;
  settle(entry);
}

void hold_again() {
  Tree& tree = *context.tree;
  for (int fd = 0; fd < table.end(); ++fd) {
    const Entry entry = table.look(fd);
    if (entry.kind != Kind::kConnection || tree.holds(context.process, entry.index)) continue;
    if (tree.connection(entry.index).ticket == rows[entry.index].ticket)
      tree.hold(context.process, entry.index);
  }
}

void connection_ended(std::uint64_t ticket) {
  if (ticket == 0) return;
  (void)tell(Record::kIdle, ticket);
  if (context.tree->left) give_back();
  if (context.tree->open() == 0 && (context.tree->draining || context.tree->ended)) finish_soon();
}

}  // namespace prefork::accept

#include "worker/accept/tree.h"

#include <sys/mman.h>

#include "worker/accept/raw.h"

namespace prefork::accept {
namespace {

std::uint64_t bit_of(std::uint32_t connection) { return std::uint64_t{1} << (connection % 64); }

}  // namespace

Tree* Tree::create() {
  const long at =
      raw::call(SYS_mmap, nullptr, sizeof(Tree), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1);
  if (at < 0 && at > -4096) return nullptr;
  // Of zeros, the beginning of each member.
  Tree* tree = reinterpret_cast<Tree*>(at);  // NOLINT(performance-no-int-to-ptr): a system call returns it
  tree->processes_[0].pid = raw::process_id();
  tree->processes_[0].parent = kNoRow;
  tree->living_ = 1;
  return tree;
}

std::uint32_t Tree::begin(std::uint32_t process, std::uint64_t ticket, int family) {
  for (std::uint32_t word = 0; word < kMaxConnections / 64; ++word) {
    std::uint64_t used = used_[word].load(std::memory_order_relaxed);
    while (~used != 0) {
      const std::uint32_t bit = static_cast<std::uint32_t>(std::countr_one(used));
      if (!used_[word].compare_exchange_weak(used, used | std::uint64_t{1} << bit)) continue;
      const std::uint32_t index = word * 64 + bit;
      connections_[index].ticket = ticket;
      connections_[index].family = family;
      connections_[index].told = false;
      ++open_;
      hold(process, index);
      return index;
    }
  }
  return kNoRow;
}

void Tree::hold(std::uint32_t process, std::uint32_t connection) {
  ++connections_[connection].holders;
  processes_[process].holds[connection / 64].fetch_or(bit_of(connection));
}

std::uint64_t Tree::let_go(std::uint32_t process, std::uint32_t connection) {
  const std::uint64_t bit = bit_of(connection);
  if ((processes_[process].holds[connection / 64].fetch_and(~bit) & bit) == 0) return 0;
  TreeConnection& row = connections_[connection];
  if (row.holders.fetch_sub(1) != 1) return 0;
  const std::uint64_t ticket = row.ticket.exchange(0);
  --open_;
  used_[connection / 64].fetch_and(~bit);
  return ticket;
}

void Tree::forget(std::uint32_t process, std::uint32_t connection) { (void)let_go(process, connection); }

bool Tree::holds(std::uint32_t process, std::uint32_t connection) const {
  return (processes_[process].holds[connection / 64].load() & bit_of(connection)) != 0;
}

bool Tree::holds_any(std::uint32_t process) const {
  for (const std::atomic<std::uint64_t>& word : processes_[process].holds) {
    if (word.load(std::memory_order_relaxed) != 0) return true;
  }
  return false;
}

std::uint32_t Tree::new_process(std::uint32_t parent) {
  for (std::uint32_t index = 0; index < kMaxProcesses; ++index) {
    int free = 0;
    if (processes_[index].pid.load(std::memory_order_relaxed) != 0) continue;
    if (!processes_[index].pid.compare_exchange_strong(free, -1)) continue;
    processes_[index].parent = parent;
    ++living_;
    return index;
  }
  return kNoRow;
}

void Tree::free_process(std::uint32_t process) {
  processes_[process].pid = 0;
  --living_;
}

void Tree::listeners_more(std::uint32_t process, int count) {
  processes_[process].listeners += count;
  listeners_ += count;
}

bool Tree::listeners_less(std::uint32_t process, int count) {
  processes_[process].listeners -= count;
  return count > 0 && listeners_.fetch_sub(count) == count;
}

}  // namespace prefork::accept

#include "worker/accept/ready.h"

#include <fcntl.h>
#include <sys/resource.h>

#include <algorithm>

#include "worker/accept/channel.h"
#include "worker/accept/context.h"
#include "worker/accept/drain.h"
#include "worker/accept/private_descriptors.h"
#include "worker/accept/result.h"

namespace prefork::accept {
namespace {

/// Descriptors that the program needs beside its connections, at the least.
constexpr unsigned long kKept = 16;

unsigned slots() {
  struct {
    unsigned long current, most;
  } limit{};
  (void)raw::call(SYS_prlimit64, 0, RLIMIT_NOFILE, nullptr, &limit);
  const unsigned long room = limit.current > kKept ? limit.current - kKept : 1;
  return static_cast<unsigned>(std::min({static_cast<unsigned long>(context.settings.slots), room,
                                         static_cast<unsigned long>(kMaxConnections)}));
}

}  // namespace

void attach() {
  (void)raw::fcntl(context.channel, F_SETFD, FD_CLOEXEC);
  make_drain_event(new_event);
}

void say_ready() {
  bool no = false;
  if (context.tree->ready.load(std::memory_order_relaxed)) return;
  attach();
  if (!context.tree->ready.compare_exchange_strong(no, true)) return;
  const KeepErrno keep;
  (void)tell(Record::kReady, slots(), 1);
}

}  // namespace prefork::accept

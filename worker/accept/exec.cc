#include "worker/accept/exec.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "worker/accept/connections.h"
#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/raw.h"
#include "worker/accept/result.h"

namespace prefork::accept {

bool may_run(const char* file, int directory) {
  struct stat about {};
  return file != nullptr && raw::call(SYS_faccessat, directory, file, X_OK) == 0 &&
         raw::call(raw::kStatAt, directory, file, &about, 0) == 0 && S_ISREG(about.st_mode);
}

bool may_run_from_path(const char* name) {
  if (name == nullptr || std::strchr(name, '/') != nullptr) return may_run(name);
  const char* folders = getenv("PATH");
  if (folders == nullptr) folders = "/bin:/usr/bin";
  const std::size_t size = std::strlen(name) + 1;
  for (;; ++folders) {
    char path[PATH_MAX];
    const std::size_t length = std::strcspn(folders, ":");
    if (length + 1 + size <= sizeof(path)) {
      std::memcpy(path, folders, length);
      path[length] = '/';
      std::memcpy(path + length + 1, name, size);
      if (may_run(length == 0 ? name : path)) return true;  // an empty folder is the current one
    }
    folders += length;
    if (*folders == 0) return false;
  }
}

BeforeExec::BeforeExec(bool runs) {
  if (!runs || !active() || !in_own_process() || !tracked()) return;
  const KeepErrno keep;
  let_go();
  if (context.process != 0) (void)raw::call(SYS_prctl, PR_SET_PDEATHSIG, 0, 0, 0, 0);
  done_ = true;
}

void BeforeExec::let_go() {
  std::uint64_t kept[kMaxConnections / 64];
  std::memset(kept, 0, sizeof(kept));
  for (int fd = 0; fd < table.end(); ++fd) {
    const Entry entry = table.look(fd);
    if (entry.kind == Kind::kNone || entry.kind == Kind::kPrivate) continue;
    const bool closes = (raw::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
    if (entry.kind == Kind::kListener) {
      listeners_ += closes ? 1 : 0;
    } else if (!closes) {
      kept[entry.index / 64] |= std::uint64_t{1} << (entry.index % 64);
    }
  }
  context.tree->each_held(context.process, [&kept](std::uint32_t connection) {
    if ((kept[connection / 64] >> (connection % 64) & 1) != 0) return;
    connection_ended(context.tree->let_go(context.process, connection));
  });
  (void)context.tree->listeners_less(context.process, listeners_);
}

BeforeExec::~BeforeExec() {
  if (!done_) return;
  context.tree->listeners_more(context.process, listeners_);
  hold_again();
}

}  // namespace prefork::accept

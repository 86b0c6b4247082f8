// Closing and copying descriptors.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdarg>
#include <cstdint>
#include <cstdio>

#include "worker/accept/connections.h"
#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/fork_gate.h"
#include "worker/accept/interposed.h"
#include "worker/accept/next_function.h"
#include "worker/accept/result.h"

namespace prefork::accept {
namespace {

PREFORK_NEXT(close, int(int));
PREFORK_NEXT(dup, int(int));
PREFORK_NEXT(dup2, int(int, int));
PREFORK_NEXT(dup3, int(int, int, int));
PREFORK_NEXT(fcntl, int(int, int, ...));
PREFORK_NEXT(fclose, int(FILE*));

bool ours(Entry entry) {
  return entry.kind != Kind::kNone && entry.kind != Kind::kPrivate && in_own_process();
}

/// `make` makes a copy of `from`; the table learns of it in the same step.
template <typename Make>
int copy(int from, Make make) {
  if (!ours(table.look(from))) return make();
  const InsideGate gate;
  const int to = make();
  if (to >= 0) copied(from, to);
  return to;
}

template <typename Make>
int copy_over(int from, int to, Make make) {
  const Entry target = table.look(to);
  if (target.kind == Kind::kPrivate) return fail(EBUSY);
  if (from == to || (!ours(target) && !ours(table.look(from)))) return make();
  const InsideGate gate;
  if (raw::fcntl(from, F_GETFD) < 0) return make();  // fails, and `to` stays as it is
  const Entry before = before_close(to);
  const int result = make();
  if (result >= 0) copied(from, to);
  closed(before);
  return result;
}

/// The next number from `first` to `last` that must stay open; beyond `last` when there is none.
std::uint64_t next_private(std::uint64_t first, std::uint64_t last) {
  for (std::uint64_t fd = first; fd <= last && fd < static_cast<std::uint64_t>(table.end()); ++fd) {
    if (table.look(static_cast<int>(fd)).kind == Kind::kPrivate) return fd;
  }
  return last + 1;
}

/// close_range() around what is private.
int close_between(std::uint64_t first, std::uint64_t last, int flags) {
  while (first <= last) {
    const std::uint64_t kept = next_private(first, last);
    if (first < kept) {
      const long result = raw::call(SYS_close_range, first, kept - 1, flags);
      if (result < 0) return int_result_of(result);
    }
    first = kept + 1;
  }
  return 0;
}

}  // namespace

int interposed_close(int fd) {
  const Entry entry = table.look(fd);
  if (__builtin_expect(entry.kind == Kind::kNone, 1)) return next_close(fd);
  if (entry.kind == Kind::kPrivate) return fail(EBADF);
  if (!in_own_process()) return next_close(fd);
  const InsideGate gate;
  const Entry gone = before_close(fd);
  const int result = int_result_of(raw::close(fd));
  closed(gone);
  return result;
}

PREFORK_INTERPOSE(int, __close, int fd);
int interposed___close(int fd) { return interposed_close(fd); }

PREFORK_INTERPOSE(int, fclose, FILE* file);
int interposed_fclose(FILE* file) {
  const int fd = file == nullptr ? -1 : fileno(file);
  if (!ours(table.look(fd))) return next_fclose(file);
  (void)std::fflush(file);
  const InsideGate gate;
  const Entry gone = before_close(fd);
  const int result = next_fclose(file);
  closed(gone);
  return result;
}

int interposed_dup(int fd) {
  return copy(fd, [fd] { return next_dup(fd); });
}

int interposed_dup2(int from, int to) {
  return copy_over(from, to, [from, to] { return next_dup2(from, to); });
}

PREFORK_INTERPOSE(int, __dup2, int from, int to);
int interposed___dup2(int from, int to) { return interposed_dup2(from, to); }

int interposed_dup3(int from, int to, int flags) {
  return copy_over(from, to, [from, to, flags] { return next_dup3(from, to, flags); });
}

int control_descriptor(int fd, int command, long argument) {
  if (command != F_DUPFD && command != F_DUPFD_CLOEXEC) return next_fcntl(fd, command, argument);
  return copy(fd, [fd, command, argument] { return next_fcntl(fd, command, argument); });
}

PREFORK_INTERPOSE(int, fcntl, int fd, int command, ...);
int interposed_fcntl(int fd, int command, ...) {
  va_list more;
  va_start(more, command);
  const long argument = va_arg(more, long);
  va_end(more);
  return control_descriptor(fd, command, argument);
}

PREFORK_INTERPOSE(int, fcntl64, int fd, int command, ...);
int interposed_fcntl64(int fd, int command, ...) {
  va_list more;
  va_start(more, command);
  const long argument = va_arg(more, long);
  va_end(more);
  return control_descriptor(fd, command, argument);
}

int interposed_close_range(unsigned first, unsigned last, int flags) {
  if (first > last) return fail(EINVAL);
  constexpr int kOnlyMarks = 4;  // CLOSE_RANGE_CLOEXEC
  if ((flags & kOnlyMarks) == 0 && active() && in_own_process()) {
    for (int fd = 0; fd < table.end(); ++fd) {
      const unsigned number = static_cast<unsigned>(fd);
      if (number >= first && number <= last && ours(table.look(fd))) (void)interposed_close(fd);
    }
  }
  return close_between(first, last, flags);
}

PREFORK_INTERPOSE(void, closefrom, int first);
void interposed_closefrom(int first) {
  (void)interposed_close_range(static_cast<unsigned>(std::max(first, 0)), ~0U, 0);
}

}  // namespace prefork::accept

// fork(), exec() and the end of a process.
#include <sys/types.h>

#include <cstdarg>
#include <cstddef>

#include "worker/accept/context.h"
#include "worker/accept/exec.h"
#include "worker/accept/next_function.h"
#include "worker/accept/processes.h"
#include "worker/accept/raw.h"
#include "worker/accept/result.h"

extern "C" char** environ;

namespace prefork::accept {
namespace {

using Strings = char* const*;

PREFORK_NEXT(execve, int(const char*, Strings, Strings));
PREFORK_NEXT(execvpe, int(const char*, Strings, Strings));
PREFORK_NEXT(daemon, int(int, int));
PREFORK_NEXT(fexecve, int(int, Strings, Strings));
PREFORK_NEXT(execveat, int(int, const char*, Strings, Strings, int));

int run(const char* file, Strings arguments, Strings environment) {
  const BeforeExec before(may_run(file));
  return next_execve(file, arguments, environment);
}

int run_from_path(const char* file, Strings arguments, Strings environment) {
  const BeforeExec before(may_run_from_path(file));
  return next_execvpe(file, arguments, environment);
}

}  // namespace

PREFORK_INTERPOSE(pid_t, fork, void);
pid_t interposed_fork(void) { return fork_tracked(); }
PREFORK_INTERPOSE(pid_t, __fork, void);
pid_t interposed___fork(void) { return fork_tracked(); }

PREFORK_INTERPOSE(int, execve, const char* file, Strings arguments, Strings environment);
int interposed_execve(const char* file, Strings arguments, Strings environment) {
  return run(file, arguments, environment);
}
PREFORK_INTERPOSE(int, execv, const char* file, Strings arguments);
int interposed_execv(const char* file, Strings arguments) { return run(file, arguments, environ); }
PREFORK_INTERPOSE(int, execvp, const char* file, Strings arguments);
int interposed_execvp(const char* file, Strings arguments) { return run_from_path(file, arguments, environ); }
PREFORK_INTERPOSE(int, execvpe, const char* file, Strings arguments, Strings environment);
int interposed_execvpe(const char* file, Strings arguments, Strings environment) {
  return run_from_path(file, arguments, environment);
}
PREFORK_INTERPOSE(int, fexecve, int fd, Strings arguments, Strings environment);
int interposed_fexecve(int fd, Strings arguments, Strings environment) {
  const BeforeExec before(true);
  return next_fexecve(fd, arguments, environment);
}
PREFORK_INTERPOSE(int, execveat, int directory, const char* file, Strings arguments, Strings environment,
                  int flags);
int interposed_execveat(int directory, const char* file, Strings arguments, Strings environment, int flags) {
  const BeforeExec before(file == nullptr || *file == 0 || may_run(file, directory));
  return next_execveat(directory, file, arguments, environment, flags);
}

/// The arguments of execl() and its like, as an array in the caller's frame.
#define PREFORK_COLLECT(first, after)                                                    \
  va_list list;                                                                          \
  std::size_t count = 1;                                                                 \
  va_start(list, first);                                                                 \
  for (const char* next = first; next != nullptr; next = va_arg(list, char*)) ++count;   \
  va_end(list);                                                                          \
  char** arguments = static_cast<char**>(__builtin_alloca(count * sizeof(char*)));       \
  arguments[0] = const_cast<char*>(first);                                               \
  va_start(list, first);                                                                 \
  for (char** last = arguments; *last != nullptr; ++last) last[1] = va_arg(list, char*); \
  after;                                                                                 \
  va_end(list)

PREFORK_INTERPOSE(int, execl, const char* file, const char* first, ...);
int interposed_execl(const char* file, const char* first, ...) {
  PREFORK_COLLECT(first, );
  return run(file, arguments, environ);
}
PREFORK_INTERPOSE(int, execlp, const char* file, const char* first, ...);
int interposed_execlp(const char* file, const char* first, ...) {
  PREFORK_COLLECT(first, );
  return run_from_path(file, arguments, environ);
}
PREFORK_INTERPOSE(int, execle, const char* file, const char* first, ...);
int interposed_execle(const char* file, const char* first, ...) {
  Strings environment = nullptr;
  PREFORK_COLLECT(first, environment = va_arg(list, Strings));
  return run(file, arguments, environment);
}

// The supervisor knows the first process of a worker only.
PREFORK_INTERPOSE(int, daemon, int keep_directory, int keep_streams);
int interposed_daemon(int keep_directory, int keep_streams) {
  if (!active()) return next_daemon(keep_directory, keep_streams);
  note_background();
  return fail(ENOTSUP);
}

PREFORK_INTERPOSE(void, _exit, int status);
void interposed__exit(int status) {
  before_exit(false);
  raw::exit(status);
}
PREFORK_INTERPOSE(void, _Exit, int status);
void interposed__Exit(int status) {
  before_exit(false);
  raw::exit(status);
}

}  // namespace prefork::accept

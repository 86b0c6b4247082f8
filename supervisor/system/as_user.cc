#include "supervisor/system/as_user.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <sstream>
#include <string_view>
#include <utility>

#include "proto/fd.h"

namespace prefork {
namespace {

bool become_user(const Identity& identity) {
  return ::setgroups(identity.groups.size(), identity.groups.data()) == 0 &&
         ::setresgid(identity.gid, identity.gid, identity.gid) == 0 &&
         ::setresuid(identity.uid, identity.uid, identity.uid) == 0;
}

[[noreturn]] void report_to(const Fd& pipe, const Identity& identity,
                            const std::function<std::vector<std::string>()>& act) {
  if (!become_user(identity)) ::_exit(1);
  // A disk may not answer. Set now: a change of the user would undo it.
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::string text;
  for (const std::string& line : act()) text += line + '\n';
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = ::write(pipe.get(), rest.data(), rest.size());
    if (written < 0 && errno != EINTR) ::_exit(1);
    if (written > 0) rest.remove_prefix(static_cast<std::size_t>(written));
  }
  ::_exit(0);
}

std::string read_all(const Fd& pipe) {
  std::string text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(pipe.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

Result<std::vector<std::string>> lines_as(const Identity& identity,
                                          const std::function<std::vector<std::string>()>& act) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return system_error("pipe");
  const Fd from(ends[0]);
  Fd into(ends[1]);
  const pid_t child = ::fork();
  if (child < 0) return system_error("fork");
  if (child == 0) report_to(into, identity, act);
  into.reset();
  std::istringstream text(read_all(from));
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFSIGNALED(status)) return Error{"the process that checks it was killed"};
  if (status != 0) return Error{"cannot become user " + std::to_string(identity.uid)};
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(std::move(line));
  return lines;
}

}  // namespace prefork

// What the servers of the table test over dialects do with a connection. It is also in
// tests/support/dialect_server.py and tests/node/programs/dialect_server.js:
//
//   half    answered with "half"; the process marks "blocked.NAME" and hangs
//   block   not answered; as half
//   other   answered with "OK PID\n", and ended
#pragma once

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <string>

#include "tests/support/gate.h"

namespace prefork::test {

/// Until SIGKILL, or the end of its parent.
[[noreturn]] inline void block(const std::string& name) {
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  leave_mark("blocked." + name);
  for (;;) ::pause();
}

/// `name`: of the dialect.
inline void serve_line(int in, int out, const std::string& name) {
  std::string line;
  char byte = 0;
  while (byte != '\n') {
    if (::read(in, &byte, 1) != 1) return;
    line += byte;
  }
  if (line == "half\n") (void)!::write(out, "half", 4);
  if (line == "half\n" || line == "block\n") block(name);
  const std::string answer = "OK " + std::to_string(::getpid()) + '\n';
  (void)!::write(out, answer.data(), answer.size());
}

}  // namespace prefork::test

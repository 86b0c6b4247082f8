// A program that runs with the accept library, for a test that plays its supervisor: see supervisor_side.h.
// The destructor ends the program and all that it has started, and fails the test if a connection was not
// answered, or if the library has printed something.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/accept/supervisor_side.h"

namespace prefork::test {

[[nodiscard]] std::string remote_program();                    ///< programs/remote.c
[[nodiscard]] std::string c_program(const std::string& name);  ///< programs/NAME.c
[[nodiscard]] std::string accept_library();

struct Setup {
  std::vector<std::string> command = {remote_program()};
  std::vector<std::string> listen = {"127.0.0.1:0"};  ///< TEST_DIRECTORY stands for the test's directory
  unsigned slots = 8;
  std::string drain = "idle";
  int drain_signal = SIGTERM;
  std::vector<std::string> environment = {};  ///< NAME=value, in addition
  std::function<void()> in_child = {};        ///< runs before exec
  bool keeps_copies = true;                   ///< as with `hold: done`: a copy of each socket until its Idle
  bool prints = false;                        ///< the program prints: its output is not checked
};

class Hosted : public SupervisorSide {
 public:
  explicit Hosted(Setup setup = {});
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;
  ~Hosted();

  [[nodiscard]] pid_t pid() const { return pid_; }
  /// All that the program and the library have printed.
  [[nodiscard]] std::string output() const;

  /// Makes the remote program (or its thread or child number `helper`, from 1) call something; returns the
  /// answer: see programs/calls.c.
  std::string call(const std::string& words, int helper = 0);
  /// The same for a call that returns a number from 0 on.
  int number(const std::string& words, int helper = 0);
  /// In two parts, for calls that block.
  void begin(const std::string& words, int helper = 0);
  [[nodiscard]] std::string answer(int helper = 0);
  [[nodiscard]] bool answered(int helper = 0) const;
  /// Waits until the program's first thread, or the process `task`, sleeps.
  void await_sleep(pid_t task = 0) const;
  /// socket(), bind() and listen() at the address of the pool; returns the descriptor.
  int listens(const std::string& flags = "", std::size_t index = 0);
  /// listens(), and the wait that makes the program ready.
  int ready(const std::string& flags = "nonblock");

  /// Makes the remote program accept this connection at `listener`; returns its descriptor.
  int accepts(int listener, std::uint64_t ticket, int helper = 0);

  /// The exit status, or minus the number of the signal.
  int await_exit();
  [[nodiscard]] std::vector<pid_t> processes() const;

 private:
  [[noreturn]] void become_program(const Setup& setup, int channel, const std::vector<Fd>& controls) const;
  [[nodiscard]] std::vector<std::string> environment_of(const Setup& setup) const;

  std::vector<Fd> helpers_;
  Fd output_;
  pid_t pid_ = -1;
  unsigned slots_;
  bool prints_;
  bool ended_ = false;
};

}  // namespace prefork::test

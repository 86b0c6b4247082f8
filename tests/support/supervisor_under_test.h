// Runs the built supervisor for a test, in its own directory and with captured stderr. The destructor ends
// it, and fails the test if it finds the word BUG in the log, or leftovers: zombies, processes, descriptors.
//
// It is longer than other headers, with more functions: a test has one object for all that it does to a
// supervisor and reads from it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/support/control_session.h"
#include "tests/support/eventually.h"
#include "tests/support/gate.h"
#include "tests/support/pool_text.h"
#include "tests/support/process_list.h"
#include "tests/support/status_text.h"
#include "tests/support/test_directory.h"

namespace prefork::test {

class SupervisorUnderTest {
 public:
  struct Options {
    bool await_start = true;       ///< wait until all listeners are open; without it the start may fail
    std::size_t listeners = 1;     ///< how many `listening on` lines to wait for
    std::string config_file = {};  ///< empty: pool.json with the given text, in its own directory
    std::function<void()> in_child = {};  ///< runs in the child before exec: limits, signals, descriptors
    std::vector<std::string> environment = {};  ///< NAME=value, in addition to the test's own
    std::size_t handed_over = 0;                ///< sockets of socket activation; the supervisor keeps them
    std::string program = {};                   ///< the program to run; empty: built_program()
    std::string control = {};                 ///< the path of the control socket; empty: that of kWithControl
    bool subscribe = true;                    ///< to events, at the start; false: at the first request
    std::vector<std::string> arguments = {};  ///< in place of "-c" and the file
    std::vector<std::string> before = {};     ///< a program in front of the command line, as {"strace", "-f"}
  };

  explicit SupervisorUnderTest(const PoolText& pool);
  SupervisorUnderTest(const std::string& config, const Options& options);
  SupervisorUnderTest(const SupervisorUnderTest&) = delete;
  SupervisorUnderTest& operator=(const SupervisorUnderTest&) = delete;
  ~SupervisorUnderTest();

  /// The supervisor that was built.
  [[nodiscard]] static std::string built_program();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const TestDirectory& directory() const { return directory_; }
  [[nodiscard]] const Gates& gates() const { return gates_; }
  [[nodiscard]] const std::string& config_file() const { return config_file_; }
  /// The addresses of its listeners, in the order of the log.
  [[nodiscard]] std::vector<std::string> addresses();
  [[nodiscard]] std::string address(std::size_t index = 0);

  void signal(int number) const;
  /// A listener with unchanged text is not replaced, even with port 0. TEST_DIRECTORY stands for
  /// directory().path().
  void rewrite_config(const std::string& text) const;
  void rewrite_config(const PoolText& pool) const { rewrite_config(pool.text()); }

  /// All text that it and its workers have written to stderr so far.
  [[nodiscard]] const std::string& log();
  [[nodiscard]] std::size_t count_in_log(const std::string& text);
  /// Waits until the log has `text` at least `times` times; returns the line with the occurrence number
  /// `times`. For facts that are neither in an event nor in the status: see docs/control.md.
  std::string wait_for_log(const std::string& text, std::size_t times = 1);

  /// The path of the control socket. Events, the status and the destructor's check need it.
  [[nodiscard]] const std::string& control() const { return control_; }
  /// Waits for the first event of this name that no earlier call has returned, from the start of the
  /// supervisor on.
  EventText wait_for_event(const std::string& name, const EventCondition& condition = {});
  /// All such events up to now.
  [[nodiscard]] std::vector<EventText> events(const std::string& name, const EventCondition& condition = {});
  /// Sends SIGUSR2, and waits until the new program has taken over and answers.
  void upgrade();
  /// The waiting alone, for a test that requests the upgrade in another way. await_upgrade() does not see an
  /// upgrade that was over before expect_upgrade().
  void expect_upgrade();
  void await_upgrade();

  /// The present status.
  [[nodiscard]] StatusText status();
  /// The status of the only pool.
  [[nodiscard]] PoolTable pool();
  /// Requests the status until `condition(pool)` holds.
  template <typename Condition>
  PoolTable wait_for_pool(const std::string& what, Condition condition) {
    PoolTable last;
    eventually(
        what, [&] { return condition(last = pool()); }, kPatience, kStatusInterval);
    return last;
  }
  /// Waits until there are this many workers and all are idle. A template is not a worker.
  PoolTable wait_for_idle(std::size_t workers);

  /// Waits for an end that the test has caused. Returns the exit status, or minus the number of the signal
  /// that killed it.
  int await_exit();
  /// Sends SIGTERM (or `number`) and calls await_exit().
  int stop(int number = SIGTERM);
  /// For tests that cause leftovers on purpose: the destructor does not check for them.
  void allow_leftovers() { check_leftovers_ = false; }

 private:
  /// Descriptors of an idle supervisor, besides those of the pools, listeners, workers and connections. One
  /// for a log file.
  static constexpr std::size_t kOwnDescriptors = 13;
  /// Between two looks at the status, which cost the supervisor time.
  static constexpr std::chrono::milliseconds kStatusInterval{10};

  void start(const Options& options);
  [[noreturn]] void become_supervisor(const Options& options, int log) const;
  void read_log();
  [[nodiscard]] std::string log_tail();
  bool ask_for_status(StatusText& status);
  void check_running();
  void clear_up();
  [[nodiscard]] std::string marker() const { return "TEST_DIRECTORY=" + directory_.path(); }

  TestDirectory directory_;
  Gates gates_;
  std::size_t handed_over_ = 0;
  std::string config_file_;
  std::string control_;
  pid_t pid_ = -1;  ///< -1: not running any more
  Fd log_end_;
  ControlSession session_;
  std::string log_;
  bool check_leftovers_ = true;
  int exceptions_at_start_;
};

}  // namespace prefork::test

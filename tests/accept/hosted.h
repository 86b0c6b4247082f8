// The supervisor's side for one program that runs with the accept library: the environment, the channel, real
// connections, and a ledger of the records that come back. The destructor ends the program and all that it
// has started, and fails the test if a connection was not answered, or if the library has printed something.
#pragma once

#include <sys/types.h>

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proto/channel.h"
#include "proto/fd.h"
#include "proto/record.h"
#include "tests/accept/pool_socket.h"
#include "tests/support/client.h"
#include "tests/support/test_directory.h"

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

/// A record that the program has sent, or the end of its channel.
struct Arrival {
  Record record;
  std::string text;  ///< of a Note
  bool end = false;
};

class Hosted {
 public:
  explicit Hosted(Setup setup = {});
  Hosted(const Hosted&) = delete;
  Hosted& operator=(const Hosted&) = delete;
  ~Hosted();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const PoolSocket& pool(std::size_t index = 0) const { return *pools_.at(index); }
  [[nodiscard]] const TestDirectory& directory() const { return directory_; }
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

  /// Connects a client to the pool, or `to` another name of its address, and sends the connection to the
  /// program; returns its ticket.
  std::uint64_t dispatch(std::size_t index = 0, const std::string& to = "");
  [[nodiscard]] std::uint64_t last_ticket() const { return last_ticket_; }
  [[nodiscard]] Client& client(std::uint64_t ticket) { return *clients_.at(ticket); }
  void say(RecordKind kind);
  void close_channel() { channel_.close(); }

  /// The next record, which must be this one. Waits for it.
  void expect(RecordKind kind, std::uint64_t ticket = 0);
  /// The same for a record that has to be there already.
  void expect_now(RecordKind kind, std::uint64_t ticket = 0);
  /// Waits for whatever comes next.
  [[nodiscard]] Arrival next();
  /// Whether the program has sent nothing.
  [[nodiscard]] bool quiet();
  [[nodiscard]] bool
  at_end();  ///< waits; whether the program's side of the channel is closed in all its processes
  /// Makes the remote program accept this connection at `listener`; returns its descriptor.
  int accepts(int listener, std::uint64_t ticket, int helper = 0);

  /// The exit status, or minus the number of the signal.
  int await_exit();
  [[nodiscard]] std::vector<pid_t> processes() const;
  void allow_unanswered() { check_ledger_ = false; }

 private:
  [[noreturn]] void become_program(const Setup& setup, int channel, const std::vector<Fd>& controls) const;
  [[nodiscard]] std::vector<std::string> environment_of(const Setup& setup) const;
  void read_channel();
  void enter(const Record& record);

  TestDirectory directory_;
  std::vector<std::unique_ptr<PoolSocket>> pools_;
  Channel channel_;
  std::vector<Fd> helpers_;
  Fd output_;
  pid_t pid_ = -1;
  unsigned slots_;
  bool prints_;
  bool keeps_copies_;
  bool check_ledger_ = true;
  bool ended_ = false;
  std::uint64_t last_ticket_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::map<std::uint64_t, Fd> copies_;
  std::map<std::uint64_t, RecordKind> ledger_;  ///< the last record of each connection
  std::deque<Arrival> arrived_;
};

}  // namespace prefork::test

// The supervisor's side of one accepting program: the pool's sockets, the channel, real connections, and a
// ledger of the records that come back: each has to fit what its connection has been through.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proto/channel.h"
#include "proto/fd.h"
#include "proto/record.h"
#include "tests/accept/pool_socket.h"
#include "tests/support/client.h"
#include "tests/support/test_directory.h"

namespace prefork::test {

/// A record that the program has sent, or the end of its channel.
struct Arrival {
  Record record;
  std::string text;  ///< of a Note
  bool end = false;
};

class SupervisorSide {
 public:
  /// In an address TEST_DIRECTORY stands for directory(). `keeps_copies`: as with `hold: done`, a copy of
  /// each socket until its Idle.
  SupervisorSide(const std::vector<std::string>& addresses, bool keeps_copies);
  SupervisorSide(const SupervisorSide&) = delete;
  SupervisorSide& operator=(const SupervisorSide&) = delete;

  [[nodiscard]] const TestDirectory& directory() const { return directory_; }
  [[nodiscard]] const PoolSocket& pool(std::size_t index = 0) const { return *pools_.at(index); }
  /// The value of SUPERVISOR_LISTEN.
  [[nodiscard]] std::string addresses() const;

  /// Connects a client to the pool, or `to` another name of its address, and sends the connection to the
  /// program, with these status flags on its socket; returns its ticket, which is one more than that before.
  std::uint64_t dispatch(std::size_t index = 0, const std::string& to = "", int flags = 0);
  /// Connections are sent with this memo from now on.
  void send_with_memo(std::string memo) { memo_ = std::move(memo); }
  [[nodiscard]] Client& client(std::uint64_t ticket) { return *clients_.at(ticket); }
  void say(RecordKind kind);
  void close_channel() { channel_.close(); }

  /// Waits for whatever comes next.
  [[nodiscard]] Arrival next();
  /// The next record, which must be this one. Waits for it.
  void expect(RecordKind kind, std::uint64_t ticket = 0);
  /// The same for a record that has to be there already.
  void expect_now(RecordKind kind, std::uint64_t ticket = 0);
  /// Whether the program has sent nothing.
  [[nodiscard]] bool quiet();
  void allow_unanswered() { check_ledger_ = false; }

 protected:
  ~SupervisorSide() = default;
  /// The program's end of the channel; once.
  [[nodiscard]] Fd take_program_end() { return std::move(program_end_); }
  /// Fails the test if a connection was not answered.
  void check_ledger();

 private:
  void read_channel();
  void enter(const Record& record);

  TestDirectory directory_;
  std::vector<std::unique_ptr<PoolSocket>> pools_;
  Channel channel_;
  Fd program_end_;
  bool keeps_copies_;
  bool check_ledger_ = true;
  std::string memo_;
  std::map<std::uint64_t, std::unique_ptr<Client>> clients_;
  std::map<std::uint64_t, Fd> copies_;
  std::map<std::uint64_t, RecordKind> ledger_;  ///< the last record of each connection
  std::deque<Arrival> arrived_;
};

}  // namespace prefork::test

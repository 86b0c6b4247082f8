// For the table test over dialects: the ways in which workers and the supervisor speak, each with a server
// that does what tests/support/line_service.h says, and which promises of docs/faults.md do not hold for
// which of them.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/client.h"
#include "tests/support/supervisor_under_test.h"

namespace prefork::test {

struct Dialect {
  enum class Channel { kRecords, kInts, kLines };

  std::string name;  ///< as in docs/faults.md
  Channel channel;
  PoolText pool;
  bool installed;
};

[[nodiscard]] const std::vector<Dialect>& dialects();

/// The pool of one dialect in the supervisor of the test.
class Scene {
 public:
  Scene(SupervisorUnderTest& supervisor, const Dialect& dialect, std::string address)
      : supervisor_(supervisor), dialect_(dialect), address_(std::move(address)) {}

  [[nodiscard]] SupervisorUnderTest& supervisor() const { return supervisor_; }
  [[nodiscard]] const Dialect& dialect() const { return dialect_; }
  [[nodiscard]] const std::string& address() const { return address_; }

  [[nodiscard]] PoolTable pool() const { return supervisor_.status().pool(dialect_.name); }
  template <typename Condition>
  PoolTable wait_for_pool(const std::string& what, Condition condition) const {
    PoolTable last;
    eventually(
        what, [&] { return condition(last = pool()); }, kPatience, std::chrono::milliseconds(10));
    return last;
  }
  /// The pid of the first worker in this state.
  [[nodiscard]] pid_t worker(std::string_view state = "idle") const;
  /// The process that speaks with the supervisor for this worker: the notifier beside it, or the worker.
  [[nodiscard]] pid_t speaker(pid_t worker) const;
  /// A client that has said nothing, and whose connection a worker has begun.
  [[nodiscard]] Client begun() const;
  /// Waits until a process has marked that it hangs.
  void wait_until_blocked() const { (void)supervisor_.gates().wait_for_marks("blocked." + dialect_.name); }
  /// Waits until `count` connections are served; none is lost, and none was served twice.
  PoolTable check_served(std::uint64_t count) const;
  void check_serves() const;
  /// Bytes of the dialect that say something that no worker says.
  [[nodiscard]] std::string misfit() const;
  /// Bytes that a worker may send as often as it likes; with ints there are none.
  [[nodiscard]] std::string harmless() const;

 private:
  SupervisorUnderTest& supervisor_;
  const Dialect& dialect_;
  std::string address_;
};

/// By SIGKILL. Returns when the process is dead: until then it can go on with the system call that it is in.
void kill_at_once(pid_t pid);

/// The end of the connection is not waited for: a process that is left behind may have a copy of its socket.
void check_answered(Client& client);

/// What a row needs beside the pools' defaults. With `command` all programs are this one.
struct Setting {
  unsigned workers = 1;
  std::string hold = "done";
  std::string backoff = "10ms";
  std::string more = {};
  std::vector<std::string> command = {};
  bool idle = true;  ///< wait until all workers are idle
};

/// The dialects for which the promises of these rows hold, by the table in docs/faults.md, and whose
/// interpreters are installed.
[[nodiscard]] std::vector<Dialect> dialects_of(const std::vector<int>& rows);

/// One supervisor with a pool for each of them, and `play` for one pool after the other.
void in_each_dialect(const std::vector<int>& rows, const Setting& setting,
                     const std::function<void(const Scene&)>& play);

[[nodiscard]] PoolText pool_of(const Dialect& dialect, const Setting& setting);
[[nodiscard]] std::string pools_of(const std::vector<Dialect>& dialects, const Setting& setting);
[[nodiscard]] std::vector<Scene> scenes_of(SupervisorUnderTest& supervisor,
                                           const std::vector<Dialect>& dialects);

}  // namespace prefork::test

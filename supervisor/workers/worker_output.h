// The supervisor's end of the pipe that is a worker's standard output and standard error. Writes the output
// to the log, line by line. Reads in the share of the loop's time that all outputs have together, and pauses
// when the worker writes more than is logged: then only that worker waits.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/loop/log.h"
#include "supervisor/loop/loop.h"
#include "supervisor/loop/shared_turns.h"
#include "supervisor/state/worker_state.h"
#include "supervisor/workers/output_lines.h"

namespace prefork {

class WorkerOutput final : private SharedTurns::Member {
 public:
  /// The end to keep, non-blocking, and the worker's end.
  struct Ends {
    Fd ours, theirs;
  };
  [[nodiscard]] static Result<Ends> make_pipe();

  /// `max_line`: see OutputLines. `shared`: a template's pipe; the workers that it forks write there too, and
  /// may outlive it.
  WorkerOutput(const Loop& loop, Log& log, SharedTurns& share, const std::size_t& max_line, Fd pipe,
               bool shared);
  /// The pipe of the program before, at an upgrade in place.
  WorkerOutput(const Loop& loop, Log& log, SharedTurns& share, const std::size_t& max_line,
               const OutputState& state);
  ~WorkerOutput() { share_.forget(*this); }
  [[nodiscard]] OutputState state() const {
    return {.pipe = Carried{pipe_.get()}, .name = name_, .begun = lines_.begun(), .shared = shared_};
  }
  WorkerOutput(const WorkerOutput&) = delete;
  WorkerOutput& operator=(const WorkerOutput&) = delete;

  /// Begins to read. `name` stands before each line: "web[4711]".
  void start(std::string name);
  /// The worker is dead: reads and logs the rest, up to a bound. Other processes that hold the pipe can go on
  /// writing.
  void finish();

  [[nodiscard]] const std::string& name() const { return name_; }
  /// No process holds the other end any more.
  [[nodiscard]] bool ended() const { return !pipe_.valid(); }
  /// Processes that the pipe's owner forked may still write.
  [[nodiscard]] bool outlives_owner() const { return shared_ && !ended(); }
  [[nodiscard]] std::vector<std::string> last_lines() const { return lines_.last(); }
  /// Those of them that are not in the log.
  [[nodiscard]] std::vector<std::string> last_dropped() const { return lines_.last_dropped(); }

 private:
  static constexpr std::size_t kChunk = std::size_t{64} * 1024;
  static constexpr std::size_t kChunkToLog = std::size_t{4} * 1024;  ///< lines to be logged take longer
  static constexpr int kChunksAtDeath = 16;  ///< together 1 MiB: without root no pipe holds more
  static constexpr Duration kPause = std::chrono::milliseconds(10);
  static constexpr Duration kReportDropped = std::chrono::seconds(1);

  void on_readable();
  void step() override;
  void watch();
  void on_report_dropped();
  /// Reads once, `size` bytes at most. False: nothing more can be read, now or ever.
  bool read_some(std::size_t size);
  void write(const std::vector<std::string>& lines);

  Log& log_;
  SharedTurns& share_;
  bool shared_;
  std::string name_;
  OutputLines lines_;
  Fd pipe_;
  ReadWatcher watcher_;
  TimerWatcher pause_;
  TimerWatcher report_;
};

}  // namespace prefork

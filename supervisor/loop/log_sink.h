// The destination of the log, a descriptor or a file: a spdlog sink that never blocks. Bytes that cannot be
// written at once wait in a bounded buffer. Lines that do not fit there are dropped and counted; the count is
// logged when there is room again.
//
// More than 15 public functions: the log of an upgrade in place and the one of a reload need their own.
#pragma once

#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/loop/file_writer.h"

namespace prefork {

/// Borrows `descriptor` (usually stderr) for its whole life.
class NonBlockingSink : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  static constexpr std::size_t kBufferLimit = std::size_t{1} << 20;

  explicit NonBlockingSink(int descriptor);

  /// From now on a thread writes where the descriptor offers no way to write without waiting: a regular file,
  /// or a pipe or terminal that could not be opened again. Until then these are written directly, and a write
  /// may wait. False: such a thread is needed, and there is none.
  [[nodiscard]] bool never_wait();

  // A file of our own in place of the descriptor.
  /// Opens a file for go_on_in(), after what is under way in the thread. May wait, and once a thread does it
  /// until `deadline` at most. An Fd that is not valid: it is the file that is in use already.
  [[nodiscard]] Result<Fd> open_file(const std::string& path, std::chrono::steady_clock::time_point deadline);
  /// Further lines go to the file, or with an empty path to the descriptor.
  void go_on_in(const std::string& path, Fd file);
  /// Opens the file by its name again, in the thread: it may have been renamed. When that fails, the log says
  /// so and lines go on to the file that is open.
  void reopen() { reopen_due_ = !path_.empty(); }
  /// Why the last attempt of that failed, or else why the last write did; empty: neither.
  [[nodiscard]] std::string fault() const;
  [[nodiscard]] const std::string& path() const { return path_; }
  /// The file; -1: there is none.
  [[nodiscard]] int file() const { return path_.empty() ? -1 : writer_.descriptor(); }

  /// A call is under way in the thread. The text of a write is still waiting().
  [[nodiscard]] bool writing() const { return writer_.busy(); }
  /// A thread still opens a file that open_file() does not wait for any more.
  [[nodiscard]] bool still_opening();
  /// While held, no write begins in the thread, and no opening.
  void hold(bool held) { held_ = held; }
  /// Writes a line as it is, without time and level.
  void write_line(std::string_view line);
  /// Writes the buffered bytes, as far as the reader takes them. True when the buffer is empty then.
  bool write_pending();
  /// The same, at the end: waits for the thread, until `deadline` at most.
  void write_rest(std::chrono::steady_clock::time_point deadline);
  [[nodiscard]] bool waits() const { return !pending_.empty() || reopen_due_ || opening_; }
  /// Dropped lines that no log line has reported yet.
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
  [[nodiscard]] const std::string& waiting() const { return pending_; }
  /// Continues where the sink of the program before was.
  void adopt(const std::string& waiting, std::uint64_t dropped);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  /// Each is a thread that hangs.
  static constexpr std::size_t kMaxLate = 4;

  void report_dropped();
  void append(std::string_view line);
  void note(spdlog::level::level_enum level, const std::string& text);
  /// Begins to open the file again, or takes the result.
  void advance_opening();
  /// The size; 0 when a later attempt may do better; -1 when none will.
  std::ptrdiff_t progress_of(const FileWriter::Written& written);
  /// What was written leaves the buffer. True: go on.
  bool account(std::ptrdiff_t written);
  /// As write(2), but 0 instead of blocking, and -1 when the descriptor has no reader any more.
  std::ptrdiff_t write_some(std::string_view text);
  FileWriter::Written write_now(std::string_view text) const;
  /// The result of the write that was begun before; else begins one, if lines are still the thread's.
  FileWriter::Written write_in_thread(std::string_view text);

  int descriptor_;
  Fd reopened_;  ///< the same pipe or terminal, with an O_NONBLOCK of our own
  bool socket_ = false;
  bool terminal_ = false;
  bool held_ = false;
  bool never_waits_ = false;
  bool through_writer_ = false;  ///< lines are written by writer_
  bool reopen_due_ = false;
  bool opening_ = false;  ///< writer_ opens the file again
  std::string reopen_fault_;
  int write_error_ = 0;  ///< of the last write; 0: it did not fail
  std::string path_;     ///< empty: lines go to the descriptor
  FileWriter writer_;
  std::vector<std::unique_ptr<FileWriter>> late_;  ///< see still_opening()
  std::string pending_;
  std::uint64_t dropped_ = 0;
};

}  // namespace prefork

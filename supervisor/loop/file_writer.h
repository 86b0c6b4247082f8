// Writes to a file in a thread of its own, one piece at a time: a write to a regular file waits when the disk
// does not answer, and no flag changes that. The owner asks for the result later. NonBlockingSink uses it.
//
// The thread allocates nothing and calls nothing but write(2). All signals are blocked in it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

namespace prefork {

class FileWriter {
 public:
  /// Maximum size of a piece.
  static constexpr std::size_t kPiece = std::size_t{256} * 1024;

  struct Written {
    std::ptrdiff_t size = 0;  ///< as of write(2)
    int error = 0;            ///< errno, when size is -1
  };

  FileWriter() = default;
  /// A thread that hangs in a write is left behind, with what it uses.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  /// Starts the thread, which borrows `descriptor` for its whole life. The thread has the rights and the
  /// seccomp filter that the caller has now. False: the system has no thread for it.
  [[nodiscard]] bool start(int descriptor);
  [[nodiscard]] bool started() const { return job_ != nullptr; }

  /// Begins to write the piece, or as much of it as allowed. Not while busy(), and not before the last result
  /// was taken.
  void begin(std::string_view piece);
  /// A write is under way.
  [[nodiscard]] bool busy() const;
  /// The result of the last write, once.
  [[nodiscard]] std::optional<Written> take_result();
  /// Waits for the result of the write that was begun. False: there is none, or the time is over.
  [[nodiscard]] bool await_result(std::chrono::steady_clock::time_point deadline);

 private:
  struct Job;
  static void run(Job* job);

  Job* job_ = nullptr;  ///< shared with the thread, which deletes it at the end
};

}  // namespace prefork

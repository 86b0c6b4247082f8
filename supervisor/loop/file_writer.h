// Opens and writes files in a thread of its own, one task at a time: open(2) and write(2) of a regular file
// wait when the disk does not answer, and no flag changes that. The owner asks for the result later.
// NonBlockingSink uses it. Before start() the tasks are done at once, by the caller.
//
// The thread allocates nothing, and calls nothing but the system calls for these files. All signals are
// blocked in it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "proto/fd.h"

namespace prefork {

class FileWriter {
 public:
  /// Maximum size of a piece.
  static constexpr std::size_t kPiece = std::size_t{256} * 1024;

  struct Written {
    std::ptrdiff_t size = 0;  ///< as of write(2)
    int error = 0;            ///< errno, when size is -1
  };
  struct Opened {
    Fd file;               ///< not valid, and no error: the path leads to the file that is written to already
    int error = 0;         ///< errno
    bool special = false;  ///< the path leads to something else than a regular file
  };

  FileWriter();
  /// A thread that hangs in a call is left behind, with what it uses.
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  /// Starts the thread, if it is not there. It has the rights and the seccomp filter that the caller has now.
  /// False: the system has no thread for it.
  [[nodiscard]] bool start();
  [[nodiscard]] bool started() const { return started_; }

  /// From the next task on, pieces are written to this descriptor, which is borrowed.
  void write_to(int descriptor);
  /// The same with a file that is owned: it is closed by the task after the one that replaces it.
  void write_to(Fd file);
  [[nodiscard]] int descriptor() const;

  /// Begins to write the piece, or as much of it as allowed. Only while idle(), as the next one.
  void begin(std::string_view piece);
  /// Begins to open the file for appending. It is created if it is missing; a symbolic link is not followed.
  void begin_open(const std::string& path);
  /// No task is under way, and no result is left to be taken.
  [[nodiscard]] bool idle() const;
  /// A task is under way.
  [[nodiscard]] bool busy() const;
  /// The result of the last begin(), once.
  [[nodiscard]] std::optional<Written> take_written();
  /// The result of the last begin_open(), once.
  [[nodiscard]] std::optional<Opened> take_opened();
  /// Waits until the task that was begun is done. False: there is none, or the time is over.
  [[nodiscard]] bool await_result(std::chrono::steady_clock::time_point deadline);

 private:
  struct Job;
  static void run(Job* job);
  void begin(bool opens, std::string_view text);
  void write_to(int descriptor, Fd file);

  Job* job_;              ///< shared with the thread, which deletes it at the end
  bool started_ = false;  ///< there is a thread
};

}  // namespace prefork

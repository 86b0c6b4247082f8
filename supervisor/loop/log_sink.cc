#include "supervisor/loop/log_sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "proto/counted.h"

namespace prefork {

namespace {

/// While it lives, a write to the controlling terminal from the background raises no SIGTTOU, even after
/// `stty tostop`: for the supervisor this signal is a request, not a reason to stop writing.
class TerminalOutput {
 public:
  TerminalOutput() {
    sigset_t output;
    sigemptyset(&output);
    sigaddset(&output, SIGTTOU);
    (void)::pthread_sigmask(SIG_BLOCK, &output, &before_);
  }
  ~TerminalOutput() { (void)::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  TerminalOutput(const TerminalOutput&) = delete;
  TerminalOutput& operator=(const TerminalOutput&) = delete;

 private:
  sigset_t before_{};
};

FileWriter::Written written(ssize_t size) { return {size, errno}; }

/// Room may come. EFBIG: RLIMIT_FSIZE
bool is_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

/// As much as one piece holds. Lines stay whole: the next piece may be for another file.
std::string_view whole_lines(std::string_view text) {
  if (text.size() <= FileWriter::kPiece) return text;
  const std::size_t end = text.rfind('\n', FileWriter::kPiece - 1);
  return text.substr(0, end == std::string_view::npos ? FileWriter::kPiece : end + 1);
}

Error not_opened(const std::string& path, const FileWriter::Opened& opened) {
  if (opened.special) return Error{path + " is not a regular file"};
  if (opened.error == ELOOP) return Error{path + " is a symbolic link, which is not followed"};
  const bool denied = opened.error == EACCES || opened.error == EPERM;
  const std::string user = denied ? " by user " + std::to_string(::geteuid()) : "";
  return system_error(path + " cannot be opened" + user, opened.error);
}

}  // namespace

NonBlockingSink::NonBlockingSink(int descriptor) : descriptor_(descriptor) {
  struct stat status {};
  if (::fstat(descriptor, &status) < 0) return;
  socket_ = S_ISSOCK(status.st_mode);
  terminal_ = ::isatty(descriptor) == 1;
  if (S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)) {
    // O_NONBLOCK on the descriptor itself would be shared with all processes that hold it, our workers
    // included.
    const std::string path = "/proc/self/fd/" + std::to_string(descriptor);
    reopened_.reset(::open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
  }
}

bool NonBlockingSink::never_wait() {
  never_waits_ = true;
  if (path_.empty() && (socket_ || reopened_.valid())) return true;
  if (!writer_.start()) return false;
  if (!path_.empty() || through_writer_) return true;
  writer_.write_to(descriptor_);
  through_writer_ = true;
  return true;
}

Result<Fd> NonBlockingSink::open_file(const std::string& path,
                                      std::chrono::steady_clock::time_point deadline) {
  if (still_opening() && late_.size() >= kMaxLate)
    return Error{path + ": the disks of log files that were named before do not answer"};
  while (!writer_.idle()) {
    if (!writer_.await_result(deadline)) return Error{path + ": the disk of the log does not answer"};
    advance_opening();
    if (const auto result = writer_.take_written()) (void)account(progress_of(*result));
  }
  // In a thread of its own: while the disk does not answer, the lines go on to where they go now.
  auto opener = std::make_unique<FileWriter>();
  if (never_waits_ && !(writer_.start() && opener->start()))
    return Error{path + ": no thread can be started for it"};
  if (file() >= 0) opener->write_to(Fd(::fcntl(file(), F_DUPFD_CLOEXEC, 0)));  // compared with what is found
  opener->begin_open(path);
  if (!opener->await_result(deadline)) {
    late_.push_back(std::move(opener));
    return Error{path + ": its disk does not answer"};
  }
  FileWriter::Opened opened = opener->take_opened().value_or(FileWriter::Opened{});
  if (opened.special || opened.error != 0) return not_opened(path, opened);
  return std::move(opened.file);
}

bool NonBlockingSink::still_opening() {
  std::erase_if(late_, [](const std::unique_ptr<FileWriter>& opener) { return !opener->busy(); });
  return !late_.empty();
}

void NonBlockingSink::go_on_in(const std::string& path, Fd file) {
  path_ = path;
  reopen_due_ = false;
  reopen_fault_.clear();
  if (file.valid()) writer_.write_to(std::move(file));
  through_writer_ = !path.empty();
  if (!path.empty()) return;
  writer_.write_to(descriptor_);
  if (writer_.idle()) writer_.begin({});  // closes the file
  if (never_waits_ && !never_wait()) note(spdlog::level::warn, "no thread can be started for the log");
}

void NonBlockingSink::advance_opening() {
  if (!opening_ && reopen_due_ && !held_ && writer_.idle()) {
    reopen_due_ = false;
    opening_ = true;
    writer_.begin_open(path_);
  }
  if (!opening_) return;
  auto opened = writer_.take_opened();
  if (!opened) return;
  opening_ = false;
  reopen_fault_.clear();
  if (opened->file.valid()) {
    writer_.write_to(std::move(opened->file));
    note(spdlog::level::info, "log file opened again: " + path_);
  } else if (opened->special || opened->error != 0) {
    reopen_fault_ = not_opened(path_, *opened).message() + "; lines go on to the file that was opened before";
    note(spdlog::level::err, "log file: " + reopen_fault_);
  }
}

FileWriter::Written NonBlockingSink::write_now(std::string_view text) const {
  if (socket_) return written(::send(descriptor_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL));
  if (terminal_) {
    const TerminalOutput allowed;
    return written(::write(reopened_.valid() ? reopened_.get() : descriptor_, text.data(), text.size()));
  }
  if (reopened_.valid()) return written(::write(reopened_.get(), text.data(), text.size()));
  // A regular file, or a pipe that could not be opened again: one that is ready takes this much without
  // blocking.
  pollfd state{.fd = descriptor_, .events = POLLOUT, .revents = 0};
  if (::poll(&state, 1, 0) == 0) return {0, 0};
  return written(::write(descriptor_, text.data(), std::min<std::size_t>(text.size(), 4096)));
}

FileWriter::Written NonBlockingSink::write_in_thread(std::string_view text) {
  if (const auto result = writer_.take_written(); result && result->size != 0) return *result;
  if (held_ || !writer_.idle()) return {0, 0};
  if (!through_writer_) return write_now(text);
  writer_.begin(whole_lines(text));
  return writer_.take_written().value_or(FileWriter::Written{});
}

std::ptrdiff_t NonBlockingSink::write_some(std::string_view text) {
  // What the thread has begun to write is not written once more to another place.
  const bool in_thread = through_writer_ || (!opening_ && !writer_.idle());
  return progress_of(in_thread ? write_in_thread(text) : write_now(text));
}

void NonBlockingSink::write_rest(std::chrono::steady_clock::time_point deadline) {
  while (!write_pending() && writer_.await_result(deadline)) {
  }
}

std::ptrdiff_t NonBlockingSink::progress_of(const FileWriter::Written& written) {
  if (written.size > 0) write_error_ = 0;
  if (written.size >= 0) return written.size;
  if (written.error == EAGAIN || written.error == EINTR) return 0;
  write_error_ = written.error;
  return is_full(written.error) ? 0 : -1;
}

std::string NonBlockingSink::fault() const {
  if (!reopen_fault_.empty() || write_error_ == 0) return reopen_fault_;
  const std::string place = path_.empty() ? "standard error" : path_;
  return system_error(place + " cannot be written", write_error_).message() +
         (is_full(write_error_) ? "; lines wait in memory, and are dropped beyond 1 MiB"
                                : "; lines are dropped");
}

bool NonBlockingSink::account(std::ptrdiff_t written) {
  if (written >= 0) {
    pending_.erase(0, static_cast<std::size_t>(written));
    return written > 0;
  }
  // EPIPE and the like: no reader is left, and waiting is useless.
  dropped_ += static_cast<std::uint64_t>(std::count(pending_.begin(), pending_.end(), '\n'));
  pending_.clear();
  return true;
}

bool NonBlockingSink::write_pending() {
  for (advance_opening(); !pending_.empty(); advance_opening()) {
    if (!account(write_some(pending_))) return false;
  }
  if (pending_.capacity() > 4096) pending_.shrink_to_fit();
  return !waits();
}

void NonBlockingSink::append(std::string_view line) {
  if (pending_.size() + line.size() > kBufferLimit) {
    ++dropped_;
    return;
  }
  pending_.append(line);
}

void NonBlockingSink::adopt(const std::string& waiting, std::uint64_t dropped) {
  pending_ = waiting + pending_;
  dropped_ += dropped;
}

void NonBlockingSink::note(spdlog::level::level_enum level, const std::string& text) {
  spdlog::memory_buf_t line;
  formatter_->format(spdlog::details::log_msg("", level, text), line);
  append(std::string_view(line.data(), line.size()));
}

void NonBlockingSink::report_dropped() {
  (void)write_pending();
  if (!pending_.empty() || dropped_ == 0) return;
  const std::uint64_t dropped = std::exchange(dropped_, 0);
  note(spdlog::level::warn,
       fmt::format("{} {} dropped: the log's reader was too slow or gone, or no space was left",
                   counted(dropped, "log line"), was(dropped)));
}

void NonBlockingSink::sink_it_(const spdlog::details::log_msg& message) {
  report_dropped();
  spdlog::memory_buf_t text;
  formatter_->format(message, text);
  append(std::string_view(text.data(), text.size()));
  (void)write_pending();
}

void NonBlockingSink::write_line(std::string_view line) {
  report_dropped();
  append(std::string(line) + '\n');
  (void)write_pending();
}

}  // namespace prefork

#include "supervisor/loop/file_writer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

namespace prefork {

struct FileWriter::Job {
  enum class State { kIdle, kBusy, kDone };
  /// What pieces are written to.
  struct Target {
    int descriptor = -1;
    Fd owned = {};  ///< not valid: the descriptor is borrowed
  };

  /// Returns the target that was replaced.
  Target take_next();
  void do_task();
  [[nodiscard]] Opened open_file() const;

  std::mutex mutex;                 ///< not held during a task
  std::condition_variable changed;  ///< of the members below
  State state = State::kIdle;
  bool ends = false;
  std::optional<Target> next;  ///< takes the place of `target` when a task begins
  // The thread's while busy.
  Target target;
  bool opens = false;
  std::string text;  ///< the piece, or the path
  Written written;
  Opened opened;
};

FileWriter::FileWriter() : job_(new Job) {}

FileWriter::~FileWriter() {
  if (!started_) {
    delete job_;
    return;
  }
  const std::lock_guard lock(job_->mutex);
  job_->ends = true;
  job_->changed.notify_all();
}

bool FileWriter::start() {
  if (started_) return true;
  // The new thread inherits the mask: signals are for the loop's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(&FileWriter::run, job_).detach();
    started_ = true;
  } catch (const std::system_error&) {
    // Without the thread the caller does the tasks itself.
  }
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started_;
}

void FileWriter::run(Job* job) {
  std::unique_lock lock(job->mutex);
  for (;;) {
    job->changed.wait(lock, [job] { return job->ends || job->state == Job::State::kBusy; });
    if (job->ends) break;
    Job::Target replaced = job->take_next();
    lock.unlock();
    replaced.owned.reset();
    job->do_task();
    lock.lock();
    job->state = Job::State::kDone;
    job->changed.notify_all();
  }
  lock.unlock();
  delete job;
}

FileWriter::Job::Target FileWriter::Job::take_next() {
  Target replaced;
  if (next) replaced = std::exchange(target, std::move(*next));
  next.reset();
  return replaced;
}

void FileWriter::Job::do_task() {
  if (opens) {
    opened = open_file();
    return;
  }
  const ssize_t size = ::write(target.descriptor, text.data(), text.size());
  written = {size, errno};
}

FileWriter::Opened FileWriter::Job::open_file() const {
  struct stat named {};
  struct stat open_now {};
  // Looked at first: a file that root has created cannot be opened again once root is given up.
  if (target.owned.valid() && ::fstatat(AT_FDCWD, text.c_str(), &named, AT_SYMLINK_NOFOLLOW) == 0 &&
      ::fstat(target.descriptor, &open_now) == 0 && named.st_dev == open_now.st_dev &&
      named.st_ino == open_now.st_ino)
    return {};
  // O_NONBLOCK: otherwise open() of a FIFO waits for a reader.
  Fd file(::open(text.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
                 0640));
  if (!file.valid() || ::fstat(file.get(), &named) < 0) return {Fd(), errno, false};
  if (!S_ISREG(named.st_mode)) return {Fd(), 0, true};
  return {std::move(file), 0, false};
}

void FileWriter::write_to(int descriptor) { write_to(descriptor, Fd()); }

void FileWriter::write_to(Fd file) {
  const int descriptor = file.get();
  write_to(descriptor, std::move(file));
}

void FileWriter::write_to(int descriptor, Fd file) {
  const std::lock_guard lock(job_->mutex);
  job_->next = Job::Target{descriptor, std::move(file)};
}

int FileWriter::descriptor() const {
  const std::lock_guard lock(job_->mutex);
  return job_->next ? job_->next->descriptor : job_->target.descriptor;
}

void FileWriter::begin(std::string_view piece) { begin(/*opens=*/false, piece.substr(0, kPiece)); }

void FileWriter::begin_open(const std::string& path) { begin(/*opens=*/true, path); }

void FileWriter::begin(bool opens, std::string_view text) {
  const std::lock_guard lock(job_->mutex);
  job_->opens = opens;
  job_->text.assign(text);
  job_->state = Job::State::kBusy;
  job_->changed.notify_all();
  if (started_) return;
  (void)job_->take_next();
  job_->do_task();
  job_->state = Job::State::kDone;
}

bool FileWriter::idle() const {
  const std::lock_guard lock(job_->mutex);
  return job_->state == Job::State::kIdle;
}

bool FileWriter::busy() const {
  const std::lock_guard lock(job_->mutex);
  return job_->state == Job::State::kBusy;
}

std::optional<FileWriter::Written> FileWriter::take_written() {
  const std::lock_guard lock(job_->mutex);
  if (job_->state != Job::State::kDone || job_->opens) return std::nullopt;
  job_->state = Job::State::kIdle;
  return job_->written;
}

std::optional<FileWriter::Opened> FileWriter::take_opened() {
  const std::lock_guard lock(job_->mutex);
  if (job_->state != Job::State::kDone || !job_->opens) return std::nullopt;
  job_->state = Job::State::kIdle;
  return std::move(job_->opened);
}

bool FileWriter::await_result(std::chrono::steady_clock::time_point deadline) {
  std::unique_lock lock(job_->mutex);
  if (job_->state == Job::State::kIdle) return false;
  return job_->changed.wait_until(lock, deadline, [this] { return job_->state == Job::State::kDone; });
}

}  // namespace prefork

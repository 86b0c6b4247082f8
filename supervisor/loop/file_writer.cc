#include "supervisor/loop/file_writer.h"

#include <pthread.h>
#include <unistd.h>

#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>

namespace prefork {

struct FileWriter::Job {
  enum class State { kIdle, kBusy, kDone };

  int descriptor = -1;
  std::mutex mutex;                 ///< not held during a write
  std::condition_variable changed;  ///< of the members below
  State state = State::kIdle;
  bool ends = false;
  std::string piece;  ///< the thread's while busy
  Written written;
};

FileWriter::~FileWriter() {
  if (job_ == nullptr) return;
  const std::lock_guard lock(job_->mutex);
  job_->ends = true;
  job_->changed.notify_all();
}

bool FileWriter::start(int descriptor) {
  auto job = std::make_unique<Job>();
  job->descriptor = descriptor;
  // The new thread inherits the mask: signals are for the loop's thread.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  (void)::pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread(&FileWriter::run, job.get()).detach();
    job_ = job.release();
  } catch (const std::system_error&) {
    // Without the thread the caller writes itself.
  }
  (void)::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return started();
}

void FileWriter::run(Job* job) {
  std::unique_lock lock(job->mutex);
  for (;;) {
    job->changed.wait(lock, [job] { return job->ends || job->state == Job::State::kBusy; });
    if (job->ends) break;
    lock.unlock();
    const ssize_t size = ::write(job->descriptor, job->piece.data(), job->piece.size());
    const int error = errno;
    lock.lock();
    job->written = {size, error};
    job->state = Job::State::kDone;
    job->changed.notify_all();
  }
  lock.unlock();
  delete job;
}

void FileWriter::begin(std::string_view piece) {
  const std::lock_guard lock(job_->mutex);
  job_->piece.assign(piece.substr(0, kPiece));
  job_->state = Job::State::kBusy;
  job_->changed.notify_all();
}

bool FileWriter::busy() const {
  if (!started()) return false;
  const std::lock_guard lock(job_->mutex);
  return job_->state == Job::State::kBusy;
}

std::optional<FileWriter::Written> FileWriter::take_result() {
  const std::lock_guard lock(job_->mutex);
  if (job_->state != Job::State::kDone) return std::nullopt;
  job_->state = Job::State::kIdle;
  return job_->written;
}

bool FileWriter::await_result(std::chrono::steady_clock::time_point deadline) {
  if (!started()) return false;
  std::unique_lock lock(job_->mutex);
  if (job_->state == Job::State::kIdle) return false;
  return job_->changed.wait_until(lock, deadline, [this] { return job_->state == Job::State::kDone; });
}

}  // namespace prefork

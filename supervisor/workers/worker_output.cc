#include "supervisor/workers/worker_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "supervisor/system/clock.h"

namespace prefork {

Result<WorkerOutput::Ends> WorkerOutput::make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return system_error("pipe for its output");
  Ends pipe{Fd(ends[0]), Fd(ends[1])};
  // Each end of a pipe has its own flags: the worker's end stays blocking.
  if (::fcntl(pipe.ours.get(), F_SETFL, O_NONBLOCK) < 0) return system_error("pipe for its output");
  return pipe;
}

WorkerOutput::WorkerOutput(const Loop& loop, Log& log, const std::size_t& max_line, Fd pipe, bool shared)
    : log_(log),
      shared_(shared),
      lines_(max_line),
      pipe_(std::move(pipe)),
      watcher_(loop),
      pause_(loop),
      report_(loop) {}

WorkerOutput::WorkerOutput(const Loop& loop, Log& log, const std::size_t& max_line, const OutputState& state)
    : WorkerOutput(loop, log, max_line, Fd(static_cast<int>(state.pipe)), state.shared) {
  std::vector<std::string> none;
  lines_.feed(state.begun, current_time(), none);
  if (!state.name.empty()) start(state.name);
}

void WorkerOutput::start(std::string name) {
  name_ = std::move(name);
  if (pipe_.valid()) watcher_.start(pipe_.get(), Callback::to<&WorkerOutput::on_readable>(*this));
}

bool WorkerOutput::read_some() {
  std::array<char, kChunk> buffer;
  ssize_t size = 0;
  do {
    size = ::read(pipe_.get(), buffer.data(), buffer.size());
  } while (size < 0 && errno == EINTR);
  std::vector<std::string> lines;
  if (size > 0) {
    lines_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(size)), current_time(), lines);
  } else if (size == 0 || errno != EAGAIN) {
    watcher_.stop();
    pipe_.reset();
    lines_.finish(current_time(), lines);
  }
  write(lines);
  return size > 0;
}

void WorkerOutput::on_readable() {
  if (!read_some() || !lines_.exhausted()) return;
  watcher_.stop();
  pause_.start(kPause, Callback::to<&WorkerOutput::on_pause_over>(*this));
  if (!report_.active()) report_.start(kReportDropped, Callback::to<&WorkerOutput::on_report_dropped>(*this));
}

void WorkerOutput::on_pause_over() {
  if (pipe_.valid()) watcher_.start(pipe_.get(), Callback::to<&WorkerOutput::on_readable>(*this));
}

void WorkerOutput::on_report_dropped() {
  std::vector<std::string> lines;
  lines_.report_dropped(lines);
  write(lines);
}

void WorkerOutput::finish() {
  for (int i = 0; i < kChunksAtDeath && pipe_.valid() && read_some(); ++i) {
  }
  std::vector<std::string> lines;
  lines_.finish(current_time(), lines);
  write(lines);
}

void WorkerOutput::write(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log_.worker_line(name_, line);
}

}  // namespace prefork

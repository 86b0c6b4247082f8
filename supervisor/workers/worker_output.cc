#include "supervisor/workers/worker_output.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
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

WorkerOutput::WorkerOutput(const Loop& loop, Log& log, SharedTurns& share, const std::size_t& max_line,
                           Fd pipe, bool shared)
    : log_(log),
      share_(share),
      shared_(shared),
      lines_(max_line),
      pipe_(std::move(pipe)),
      watcher_(loop),
      pause_(loop),
      report_(loop) {}

WorkerOutput::WorkerOutput(const Loop& loop, Log& log, SharedTurns& share, const std::size_t& max_line,
                           const OutputState& state)
    : WorkerOutput(loop, log, share, max_line, Fd(static_cast<int>(state.pipe)), state.shared) {
  std::vector<std::string> none;
  lines_.feed(state.begun, current_time(), none);
  if (!state.name.empty()) start(state.name);
}

void WorkerOutput::start(std::string name) {
  name_ = std::move(name);
  watch();
}

void WorkerOutput::watch() {
  if (pipe_.valid()) watcher_.start(pipe_.get(), Callback::to<&WorkerOutput::on_readable>(*this));
}

bool WorkerOutput::read_some(std::size_t size) {
  std::array<char, kChunk> buffer;
  ssize_t got = 0;
  do {
    got = ::read(pipe_.get(), buffer.data(), std::min(size, buffer.size()));
  } while (got < 0 && errno == EINTR);
  std::vector<std::string> lines;
  if (got > 0) {
    lines_.feed(std::string_view(buffer.data(), static_cast<std::size_t>(got)), current_time(), lines);
  } else if (got == 0 || errno != EAGAIN) {
    watcher_.stop();
    pipe_.reset();
    lines_.finish(current_time(), lines);
  }
  write(lines);
  return got > 0;
}

void WorkerOutput::on_readable() {
  if (!share_.request(*this)) watcher_.stop();
}

void WorkerOutput::step() {
  const bool more = read_some(lines_.exhausted_at(current_time()) ? kChunk : kChunkToLog);
  if (!more || !lines_.exhausted()) {
    if (!watcher_.active()) watch();
    return;
  }
  watcher_.stop();
  pause_.start(kPause, Callback::to<&WorkerOutput::watch>(*this));
  if (!report_.active()) report_.start(kReportDropped, Callback::to<&WorkerOutput::on_report_dropped>(*this));
}

void WorkerOutput::on_report_dropped() {
  std::vector<std::string> lines;
  lines_.report_dropped(lines);
  write(lines);
}

void WorkerOutput::finish() {
  const Duration before = processor_time();
  if (share_.overdrawn()) lines_.exhaust(current_time());
  for (int i = 0; i < kChunksAtDeath && pipe_.valid() && read_some(kChunk); ++i) {
  }
  std::vector<std::string> lines;
  lines_.finish(current_time(), lines);
  write(lines);
  share_.spent(processor_time() - before);
}

void WorkerOutput::write(const std::vector<std::string>& lines) {
  for (const std::string& line : lines) log_.worker_line(name_, line);
}

}  // namespace prefork

#include "supervisor/workers/active_spawner.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <utility>

#include "proto/passing.h"
#include "supervisor/system/child_exit.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/signal_child.h"

namespace prefork {

ActiveSpawner::ActiveSpawner(const Loop& loop, Callbacks callbacks, Duration answer_timeout)
    : call_(callbacks),
      answer_timeout_(answer_timeout),
      reply_watcher_(loop),
      exit_watcher_(loop),
      deadline_(loop) {}

void ActiveSpawner::begin(SpawnerProcess process) {
  process_ = std::move(process);
  started_at_ = current_time();
  reply_watcher_.start(process_.socket.get(), call_.readable);
  exit_watcher_.start(process_.pidfd.get(), Callback::to<&ActiveSpawner::on_exit>(*this));
}

ssize_t ActiveSpawner::send(std::span<const std::byte> bytes, int channel, int output) const {
  return send_passing(process_.socket.get(), bytes, channel, output, MSG_DONTWAIT);
}

std::optional<ActiveSpawner::Answer> ActiveSpawner::receive() {
  if (!present()) return std::nullopt;
  Answer answer;
  Passed passed = receive_passing(process_.socket.get(), std::as_writable_bytes(std::span(&answer.reply, 1)),
                                  MSG_DONTWAIT);
  if (passed.size < 0 && errno != EAGAIN) reply_watcher_.pause();  // memory is short: the answer waits
  if (passed.size == 0) end_of_answers();
  if (passed.size != static_cast<ssize_t>(sizeof(answer.reply))) return std::nullopt;
  answer.pidfd = std::move(passed.descriptor);
  return answer;
}

void ActiveSpawner::end_of_answers() {
  // Until its death is noticed the socket would be readable without end.
  reply_watcher_.stop();
  (void)kill();
  expect_answer();
}

void ActiveSpawner::expect_answer() {
  if (deadline_.active()) return;
  if (!silent_since_) silent_since_ = current_time();
  parts_over_ = 0;
  start_part();
}

void ActiveSpawner::answered(bool more) {
  if (killed_) return;
  deadline_.stop();
  silent_since_.reset();
  if (more) expect_answer();
}

void ActiveSpawner::start_part() {
  deadline_.start(answer_timeout_ / kParts, Callback::to<&ActiveSpawner::on_part_over>(*this));
}

void ActiveSpawner::on_part_over() {
  if (++parts_over_ < kParts) return start_part();
  call_.overdue();
}

Duration ActiveSpawner::silence() const {
  return silent_since_ ? current_time() - *silent_since_ : Duration::zero();
}

Result<void> ActiveSpawner::kill() {
  if (!signal_child(process_.pidfd, process_.pid, SIGKILL)) return system_error("kill");
  killed_ = true;
  return {};
}

void ActiveSpawner::on_exit() {
  if (is_unfinished_child(process_.pid)) return exit_watcher_.pause();
  call_.exited();
}

ActiveSpawner::Buried ActiveSpawner::bury() {
  exit_watcher_.stop();
  reply_watcher_.stop();
  deadline_.stop();
  silent_since_.reset();
  killed_ = false;
  (void)::waitpid(process_.pid, nullptr, WNOHANG);  // one that lives on is reaped later, as a stranger
  const pid_t pid = std::exchange(process_, SpawnerProcess{}).pid;
  return {pid, current_time() - started_at_};
}

SpawnerProcessState ActiveSpawner::state() const {
  return {Carried{process_.socket.get()}, Carried{process_.pidfd.get()}, process_.pid, started_at_};
}

}  // namespace prefork

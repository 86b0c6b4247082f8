#include "supervisor/workers/standby_spawner.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <span>
#include <utility>

#include "proto/passing.h"
#include "supervisor/system/child_exit.h"
#include "supervisor/system/child_process.h"
#include "supervisor/system/clock.h"

namespace prefork {

StandbySpawner::StandbySpawner(const Loop& loop, Log& log, Callback wanted)
    : log_(log), wanted_(wanted), exit_watcher_(loop), retry_(loop) {}

bool StandbySpawner::ask(const Fd& active) {
  if (process_.socket.valid() || !active.valid()) return false;
  auto socket = make_spawner_socket();
  if (!socket) return complain(socket.error().message()), false;
  const Fd& theirs = socket.value().second;
  if (send_passing(active.get(), std::span(&kForkStandby, 1), theirs.get(), MSG_DONTWAIT) != 1) {
    const Error error = system_error("ask for it");
    if (error.code.value() == EAGAIN) return try_later(), false;  // its socket is full of requests
    return complain(error.message()), false;
  }
  process_.socket = std::move(socket.value().first);
  started_at_ = current_time();
  retry_.stop();
  return true;
}

void StandbySpawner::answered(const LaunchReply& reply, Fd pidfd) {
  if (reply.pid <= 0) {
    process_ = SpawnerProcess{};
    return complain(system_error("create a process", reply.error).message());
  }
  process_.pid = reply.pid;
  process_.pidfd = std::move(pidfd);
  if (!process_.pidfd.valid()) process_.pidfd = open_child(process_.pid);  // no descriptor was free for it
  if (!process_.pidfd.valid()) {
    const std::string why = system_error("watch it").message();
    process_ = SpawnerProcess{};
    return complain(why);
  }
  if (std::exchange(complained_, false)) log_.info("there is a standby spawner again, pid {}", process_.pid);
  watch();
}

Result<void> StandbySpawner::renounce_root() {
  // A standby that was only asked for finds the message in its socket.
  if (!process_.socket.valid() ||
      send_passing(process_.socket.get(), std::span(&kRenounceRoot, 1), -1, MSG_DONTWAIT) == 1) {
    return {};
  }
  return system_error("standby spawner: renounce root");
}

SpawnerProcess StandbySpawner::take() {
  exit_watcher_.stop();
  SpawnerProcess taken = std::exchange(process_, SpawnerProcess{});
  return taken.pid == 0 ? SpawnerProcess{} : std::move(taken);
}

SpawnerProcessState StandbySpawner::state() const {
  return {Carried{process_.socket.get()}, Carried{process_.pidfd.get()}, process_.pid, started_at_};
}

void StandbySpawner::adopt(const SpawnerProcessState& state) {
  process_ = {Fd(static_cast<int>(state.socket)), Fd(static_cast<int>(state.pidfd)),
              static_cast<pid_t>(state.pid)};
  started_at_ = state.started_at;
  if (process_.pid != 0) watch();
}

void StandbySpawner::watch() {
  exit_watcher_.start(process_.pidfd.get(), Callback::to<&StandbySpawner::on_exit>(*this));
}

void StandbySpawner::on_exit() {
  if (is_unfinished_child(process_.pid)) return exit_watcher_.pause();
  exit_watcher_.stop();
  (void)::waitpid(process_.pid, nullptr, WNOHANG);
  log_.warn("the standby spawner, pid {}, died; another is started", process_.pid);
  process_ = SpawnerProcess{};
  if (current_time() - started_at_ < kRetry) return try_later();
  wanted_();
}

void StandbySpawner::complain(const std::string& why) {
  if (!std::exchange(complained_, true))
    log_.warn("there is no standby spawner, trying again every second: {}", why);
  try_later();
}

}  // namespace prefork

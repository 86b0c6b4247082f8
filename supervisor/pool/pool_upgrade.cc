// The part of PoolRunner that is carried over by an upgrade in place.
#include "supervisor/state/pool_state.h"

#include <span>
#include <utility>

#include "supervisor/pool/pool_runner.h"

namespace prefork {
namespace {

std::string to_text(const std::vector<std::byte>& bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Fd to_fd(Carried descriptor) { return Fd(static_cast<int>(descriptor)); }

Error not_understood(const PoolConfig& config, const std::string& what, const std::string& wrong) {
  return Error{"pool " + config.name + ": " + what + wrong};
}

}  // namespace

PoolState PoolRunner::state() {
  on_before_sleep();  // what is gone must not be there when the next program looks
  PoolState state;
  state.name = config_.name;
  state.stop_timeout = stop_timeout_;
  state.stopped_cleanly = stopped_cleanly_;
  state.rollout_failed = rollout_failed_;
  state.spawner_key = spawner_key_;
  state.core = pool_.snapshot();
  for (const auto& [generation, launches] : launches_) {
    state.launches.push_back({generation, to_text(encode_request({}, launches.worker)),
                              to_text(encode_request({}, launches.fork_template))});
  }
  state.listeners = listeners_.state();
  state.workers = processes_.state();
  for (const auto& output : outputs_) state.outputs.push_back(output->state());
  for (const Fork& fork : forks_)
    state.forks.push_back({fork.worker, fork.from, Carried{fork.channel.get()}});
  sockets_.write_state(state);
  state.lingering_closes = lingering_close_.state();
  return state;
}

Result<void> PoolRunner::adopt(const PoolState& state) {
  if (const std::string wrong = pool_.restore(state.core); !wrong.empty())
    return not_understood(config_, "core.", wrong);
  if (const std::string wrong = sockets_.adopt(state); !wrong.empty())
    return not_understood(config_, "tickets", wrong);
  for (const SocketState& socket : state.sockets) {
    if (socket.watched) unwatched_.push_back(socket.ticket);
  }
  stopped_cleanly_ = state.stopped_cleanly;
  rollout_failed_ = state.rollout_failed;
  lingering_close_.adopt(state.lingering_closes);
  adopt_launches(state.launches);
  listeners_.adopt(config_.listen, state.listeners);
  listeners_.set_accepting(pool_.accepting());
  for (const WorkerProcessState& worker : state.workers) {
    processes_.add(
        std::make_unique<WorkerProcess>(for_workers_, static_cast<WorkerProcess::Owner&>(*this), worker));
  }
  for (const OutputState& output : state.outputs)
    outputs_.push_back(std::make_unique<WorkerOutput>(shared_.loop, shared_.log, output));
  for (const ForkState& fork : state.forks)
    forks_.push_back(Fork{fork.worker, fork.from, to_fd(fork.channel)});
  return {};
}

void PoolRunner::adopt_launches(const std::vector<LaunchState>& states) {
  for (const LaunchState& state : states) {
    Launches& launches = launches_[state.generation];
    auto worker = decode_request(std::as_bytes(std::span(state.worker)));
    auto fork_template = decode_request(std::as_bytes(std::span(state.fork_template)));
    if (worker && fork_template) {
      launches = {std::move(worker->launch), std::move(fork_template->launch)};
    } else {
      launches = to_launches(config_);  // written in another form; the same, unless a rollout is under way
    }
  }
}

void PoolRunner::resume() {
  for (const Ticket ticket : std::exchange(unwatched_, {})) watch(ticket);
  send_forks();
  tell(event::DeadlinePassed{});
}

}  // namespace prefork

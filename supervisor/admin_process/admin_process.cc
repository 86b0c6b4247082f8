#include "supervisor/admin_process/admin_process.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <utility>

#include "supervisor/admin_process/admin_launch.h"
#include "supervisor/control/describe.h"
#include "supervisor/system/child_exit.h"
#include "supervisor/system/child_process.h"
#include "supervisor/system/clock.h"
#include "supervisor/system/signal_child.h"

namespace prefork {
namespace {

constexpr std::size_t kMaxOutputLine = 8192;

/// For a process that has to exit, on a busy machine.
constexpr Duration kExitPatience = std::chrono::seconds(2);

struct LinkEnds {
  Fd ours, theirs;
};

Result<LinkEnds> make_link() {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) return system_error("its link");
  return LinkEnds{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace

AdminProcess::AdminProcess(Services services)
    : services_(std::move(services)),
      link_(services_.loop, services_.control, Callback::to<&AdminProcess::on_link_ended>(*this)),
      exit_watcher_(services_.loop),
      timer_(services_.loop) {}

AdminProcess::~AdminProcess() {
  if (pid_ != 0) (void)signal_child(pidfd_, pid_, SIGKILL);
  if (spawner_key_ != 0) services_.spawner.remove(spawner_key_);
}

std::optional<Identity> AdminProcess::identity() const {
  return identity_ && config_.identity ? config_.identity : identity_;
}

void AdminProcess::use(const AdminConfig& config, OpenedSockets admin, OpenedSockets agent) {
  const std::optional<Identity> identity_before = identity();
  const AdminSockets::Change change = sockets_.use(std::move(admin), std::move(agent), services_.log);
  config_ = config;
  wanted_ = config.wanted();
  link_.set_token(config.token);
  if (!wanted_) return stop();
  switch (life_) {
    case Life::kNone:
    case Life::kWaiting: attempts_.begin_anew(); return start();
    case Life::kRequested:
    case Life::kRunning:
      // A pool's socket cannot stay in a process that speaks with strangers: it would accept clients of the
      // pool.
      if (identity() != identity_before || change == AdminSockets::Change::kGiven)
        return end(/*planned=*/true);
      if (change == AdminSockets::Change::kOther || told_ != sockets_.line(config_.hosts)) tell();
      return;
    case Life::kEnding: return;  // the next one has all this
  }
}

void AdminProcess::stop() {
  wanted_ = false;
  switch (life_) {
    case Life::kNone:
    case Life::kEnding: return;
    case Life::kWaiting: return gone();
    case Life::kRequested:
    case Life::kRunning: return end(/*planned=*/true);
  }
}

void AdminProcess::start() {
  if (spawner_key_ == 0) spawner_key_ = services_.spawner.add(*this, services_.spawner.next_key());
  timer_.stop();
  if (auto requested = request(); !requested) retry(requested.error().message());
}

Result<void> AdminProcess::request() {
  auto link = make_link();
  if (!link) return link.error();
  auto pipe = WorkerOutput::make_pipe();
  if (!pipe) return pipe.error();
  for (const int own : {link.value().ours.get(), pipe.value().ours.get()}) {
    if (auto fine = services_.clients.check_own(own); !fine) return fine;
  }
  if (auto history = sockets_.need_history(services_.clients); !history)
    services_.log.warn("admin process: its charts begin anew with each process: {}",
                       history.error().message());
  output_ = std::make_unique<WorkerOutput>(services_.loop, services_.log, services_.output, kMaxOutputLine,
                                           std::move(pipe.value().ours), /*shared=*/false);
  link_.open(std::move(link.value().ours));
  start_error_.clear();
  kill_sent_ = false;
  life_ = Life::kRequested;
  tell();
  services_.spawner.launch({spawner_key_, ++number_},
                           admin_launch(services_.program, identity(), services_.descriptors),
                           std::move(link.value().theirs), std::move(pipe.value().theirs));
  return {};
}

void AdminProcess::tell() {
  told_ = sockets_.line(config_.hosts);
  auto copies = sockets_.copies();
  if (copies) return link_.send(told_, std::move(copies).value());
  services_.log.error("admin process: {}", copies.error().message());
  told_.clear();
}

void AdminProcess::started(std::uint64_t number, pid_t pid, Fd pidfd) {
  if (!pidfd.valid()) pidfd = open_child(pid);  // no descriptor was free for it when it came
  const bool wanted = life_ == Life::kRequested || life_ == Life::kEnding;
  const bool awaited = wanted && number == number_ && pid_ == 0;
  if (!awaited || !pidfd.valid()) {
    (void)signal_child(pidfd, pid, SIGKILL);  // the sweep reaps it
    if (awaited && life_ == Life::kRequested) retry("no descriptor is free to watch it with");
    return;
  }
  watch(pid, std::move(pidfd));
  attempts_.running(current_time());
  if (output_) output_->start("admin");
  if (life_ == Life::kEnding) return;  // its link is closed already
  life_ = Life::kRunning;
  if (!link_.is_open()) return end(/*planned=*/false);
  services_.log.info("admin process: started, pid {}", pid_);
  link_.expect_reading();
}

void AdminProcess::watch(pid_t pid, Fd pidfd) {
  pid_ = pid;
  child_ = services_.children.add(pid);
  pidfd_ = std::move(pidfd);
  exit_watcher_.start(pidfd_.get(), Callback::to<&AdminProcess::on_exit>(*this));
}

void AdminProcess::not_started(std::uint64_t number, const LaunchReply& reply) {
  if (number != number_ || pid_ != 0) return;
  if (life_ == Life::kEnding) return gone();
  if (life_ != Life::kRequested) return;
  retry(describe_failure(reply, admin_launch(services_.program, identity(), services_.descriptors)));
}

void AdminProcess::start_failed(std::uint64_t number, const LaunchReply& reply) {
  if (number != number_) return;
  start_error_ = describe_failure(reply, admin_launch(services_.program, identity(), services_.descriptors));
}

void AdminProcess::on_link_ended() {
  if (life_ == Life::kRunning) end(/*planned=*/false);
}

void AdminProcess::end(bool planned) {
  link_.close();
  planned_ = planned;
  kill_sent_ = false;
  life_ = Life::kEnding;
  timer_.start(kExitPatience, Callback::to<&AdminProcess::on_patience_over>(*this));
}

void AdminProcess::on_patience_over() {
  if (pid_ == 0) return gone();  // the spawner does not answer; without a link the process exits at once
  if (!std::exchange(kill_sent_, true)) {
    (void)signal_child(pidfd_, pid_, SIGKILL);
    timer_.start(kExitPatience, Callback::to<&AdminProcess::on_patience_over>(*this));
    return;
  }
  services_.log.error("admin process (pid {}): survives SIGKILL; it is given up", pid_);
  gone();
}

void AdminProcess::on_exit() {
  if (is_unfinished_child(pid_)) return exit_watcher_.pause();
  exit_watcher_.stop();
  const Exit exit = reap(pidfd_);
  if (output_) output_->finish();
  const bool planned = life_ == Life::kEnding && planned_;
  if (planned) {
    attempts_.begin_anew();
    services_.log.info("admin process (pid {}): ended", pid_);
  } else {
    ++restarts_;
    std::string how = start_error_.empty() ? describe(exit) : "could not be started: " + start_error_;
    if (start_error_.empty() && !link_.end().empty() && kill_sent_) how += ": " + link_.end();
    report_death(how, exit);
  }
  gone();
}

void AdminProcess::report_death(const std::string& how, const Exit& exit) {
  // The same fault again and again is one line, unless the process had come to run.
  const bool repeated = attempts_.ended(how, current_time()) && !start_error_.empty();
  const Duration delay = wanted_ ? attempts_.delay() : Duration::zero();
  if (!repeated) {
    const std::string when = delay == Duration::zero() ? "at once" : "in " + describe(delay);
    services_.log.error("admin process{}: {}; {}the pools go on without it",
                        pid_ == 0 ? "" : " (pid " + std::to_string(pid_) + ")", how,
                        wanted_ ? "the next one starts " + when + "; " : "");
  }
  services_.control.publish(control_event::AdminDied{
      pid_, exit, how, output_ ? output_->last_lines() : std::vector<std::string>{}, delay});
}

void AdminProcess::gone() {
  timer_.stop();
  exit_watcher_.stop();
  link_.close();
  output_.reset();
  pidfd_.reset();
  child_ = ChildTable::Entry();
  pid_ = 0;
  life_ = Life::kNone;
  if (!wanted_) return sockets_.forget_history();
  if (attempts_.delay() == Duration::zero()) return start();
  life_ = Life::kWaiting;
  timer_.start(attempts_.delay(), Callback::to<&AdminProcess::start>(*this));
}

void AdminProcess::retry(const std::string& why) {
  start_error_ = why;
  report_death("could not be started: " + why, Exit{Exit::Kind::kNotStarted, 0});
  gone();
}

std::optional<AdminStatus> AdminProcess::status() const {
  if (!config_.wanted()) return std::nullopt;
  AdminStatus status;
  status.pid = pid_;
  status.restarts = restarts_;
  status.addresses = sockets_.admin();
  status.agent = sockets_.agent();
  status.actions = !config_.token.empty();
  switch (life_) {
    case Life::kNone:
    case Life::kWaiting: status.state = "waiting"; break;
    case Life::kRequested: status.state = "starting"; break;
    case Life::kRunning: status.state = "running"; break;
    case Life::kEnding: status.state = "ending"; break;
  }
  attempts_.add_to(status, current_time());
  return status;
}

AdminState AdminProcess::state() const {
  AdminState state;
  sockets_.write_state(state);
  state.spawner_key = spawner_key_;
  state.number = number_;
  state.requested = life_ == Life::kRequested || (life_ == Life::kEnding && pid_ == 0);
  state.pid = pid_;
  state.pidfd = Carried{pidfd_.get()};
  if (output_) state.output = output_->state();
  state.restarts = restarts_;
  state.identity = identity_;
  return state;
}

void AdminProcess::adopt(const AdminState& state, const AdminConfig& config) {
  config_ = config;
  wanted_ = config.wanted();
  link_.set_token(config.token);
  sockets_.adopt(state, config);
  identity_ = state.identity;
  restarts_ = state.restarts;
  number_ = state.number;
  if (state.spawner_key != 0) spawner_key_ = services_.spawner.add(*this, state.spawner_key);
  if (state.output.pipe != Carried::kNone) {
    output_ = std::make_unique<WorkerOutput>(services_.loop, services_.log, services_.output, kMaxOutputLine,
                                             state.output);
  }
  if (state.pid != 0) watch(static_cast<pid_t>(state.pid), Fd(static_cast<int>(state.pidfd)));
  if (state.pid != 0 || state.requested) end(/*planned=*/true);
}

void AdminProcess::resume() {
  if (life_ == Life::kNone && wanted_) start();
}

}  // namespace prefork

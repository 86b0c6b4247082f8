#include "worker/program/inetd/inetd.h"

#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <utility>

#include "worker/attach.h"
#include "worker/program/inetd/find_program.h"
#include "worker/program/inetd/guard.h"
#include "worker/session.h"

namespace prefork::worker {
namespace {

void say(const std::string& line) {
  (void)std::fprintf(stderr, "supervisor-worker: inetd: %s\n", line.c_str());
}

std::string in_words(int status) {
  if (WIFEXITED(status)) return "exited with status " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  const char* name = ::sigabbrev_np(number);
  return "killed by signal " + std::to_string(number) +
         (name == nullptr ? "" : std::string(" (SIG") + name + ')');
}

/// close() with unread bytes resets the connection, and the client could lose the end of the answer.
void discard_unread(int socket) {
  std::array<char, 16384> bytes;
  for (int i = 0; i < 4; ++i) {
    if (::recv(socket, bytes.data(), bytes.size(), MSG_DONTWAIT) <= 0) return;
  }
}

/// SIGTERM and SIGCHLD as something to read.
Fd watch_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int number : {SIGTERM, SIGCHLD}) sigaddset(&signals, number);
  (void)::sigprocmask(SIG_BLOCK, &signals, nullptr);
  return Fd(::signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
}

class Inetd {
 public:
  Inetd(const InetdOptions& options, std::string path, Session& session, Guard guard, Fd signals)
      : program_{std::move(path), options.command, options.errors},
        log_all_(options.log_all),
        wanted_spare_(std::min(options.spare.value_or(session.slots()), session.slots())),
        session_(session),
        guard_(std::move(guard)),
        signals_(std::move(signals)) {
    session_.ask_before_busy([this] { return willing(); });
  }
  Inetd(const Inetd&) = delete;
  Inetd& operator=(const Inetd&) = delete;
  ~Inetd() { end_waiting(); }

  int run() {
    while (!done()) {
      refill();
      await();
      while (std::optional<Connection> connection = session_.next(Wait::kNo)) begin(std::move(*connection));
    }
    if (!untouched_.empty()) give_back();
    return failed_ ? 1 : session_.exit_code();
  }

 private:
  struct Running {
    Prestarted process;
    Connection connection;
    bool again;  ///< another process died before it had received the connection
  };

  [[nodiscard]] bool done() const { return running_.empty() && (session_.finished() || !untouched_.empty()); }

  void await() {
    pollfd fds[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                    {.fd = session_.draining() ? -1 : session_.descriptor(), .events = POLLIN, .revents = 0}};
    if (::poll(fds, 2, -1) < 0 || fds[0].revents == 0) return;
    signalfd_siginfo signal{};
    while (::read(signals_.get(), &signal, sizeof(signal)) == sizeof(signal)) {
      if (signal.ssi_signo == SIGTERM) session_.stop();
    }
    reap();
  }

  /// Asked before each Busy: from there on the connection cannot be given back.
  bool willing() {
    if (const Result<void> usable = check_program(program_.path); !usable) {
      if (!failed_) say(usable.error().message() + "; this worker leaves, and its connections go to others");
      failed_ = true;
      session_.leave();
      return false;
    }
    if (!waiting_.empty()) return true;
    const Result<void> started = start_one();
    if (!started) say(started.error().message() + "; the connection goes to another worker");
    return started.ok();
  }

  /// Adds a process to those that wait.
  Result<void> start_one() {
    Result<Prestarted> started = Prestarted::start(program_);
    if (!started) return started.error();
    guard_.add(started.value().pid());
    waiting_.push_back(std::move(started).value());
    return {};
  }

  void refill() {
    while (waiting_.size() < wanted_spare_ && !session_.draining() && !session_.left()) {
      if (!start_one()) return;  // tried again when a connection needs it
    }
  }

  void begin(Connection connection, bool again = false) {
    // Of those that wait, any number may have died. If one that was just started has died, too, others would.
    if (give_to_waiting(connection, again)) return;
    if (start_one() && give_to_waiting(connection, again)) return;
    untouched(std::move(connection));
  }

  bool give_to_waiting(Connection& connection, bool again) {
    while (!waiting_.empty()) {
      Prestarted process = std::move(waiting_.back());
      waiting_.pop_back();
      const pid_t pid = process.pid();
      if (process.give(connection.socket(), connection.proxied())) {
        running_.emplace(pid, Running{std::move(process), std::move(connection), again});
        return true;
      }
      lost_.push_back(std::move(process));  // dead; reap() removes it
    }
    return false;
  }

  /// It has been begun, so it cannot be refused any more. When a worker ends without having touched a
  /// connection, a supervisor that has a copy gives it to another worker.
  void untouched(Connection connection) {
    failed_ = true;
    untouched_.push_back(std::move(connection));
    session_.leave();
  }

  void reap() {
    for (;;) {
      siginfo_t ended{};
      if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) < 0 || ended.si_pid == 0) return;
      guard_.remove(ended.si_pid);
      int status = 0;
      if (::waitpid(ended.si_pid, &status, WNOHANG) <= 0) return;
      if (ended.si_pid == guard_.pid()) {
        if (auto again = guard_.restart(); !again) say(again.error().message());
      } else {
        ended_one(ended.si_pid, status);
      }
    }
  }

  void ended_one(pid_t pid, int status) {
    const auto is_it = [pid](const Prestarted& one) { return one.pid() == pid; };
    std::erase_if(waiting_, is_it);
    std::erase_if(lost_, is_it);
    const auto found = running_.find(pid);
    if (found == running_.end()) return;
    Running running = std::move(found->second);
    running_.erase(found);
    const std::string which = program_.path + " (pid " + std::to_string(pid) + ", connection " +
                              std::to_string(running.connection.ticket()) + "): ";
    const Prestarted::End end = running.process.end();
    if (!end.has_received && !running.again) return begin(std::move(running.connection), /*again=*/true);
    if (!end.has_received || end.exec_error) {
      say(which +
          (end.exec_error ? "cannot be executed: " + *end.exec_error
                          : "died before it had its connection, as another one did") +
          "; this worker leaves");
      return untouched(std::move(running.connection));
    }
    if (status != 0) running.connection.note(program_.path + ' ' + in_words(status));
    if (status != 0 || log_all_) say(which + in_words(status));
    discard_unread(running.connection.socket());
  }

  /// Without Idle and shutdown(): the connections are as they came.
  [[noreturn]] void give_back() {
    end_waiting();
    (void)std::fflush(nullptr);
    std::_Exit(1);
  }

  void end_waiting() {
    for (const Prestarted& process : waiting_) {
      (void)::kill(process.pid(), SIGKILL);
      guard_.remove(process.pid());
      while (::waitpid(process.pid(), nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    waiting_.clear();
  }

  ProgramStart program_;
  bool log_all_;
  std::size_t wanted_spare_;
  Session& session_;
  Guard guard_;
  Fd signals_;
  std::vector<Prestarted> waiting_;
  std::vector<Prestarted> lost_;  ///< died while they waited
  std::map<pid_t, Running> running_;
  std::vector<Connection> untouched_;  ///< begun, but the program could not be executed
  bool failed_ = false;
};

}  // namespace

int inetd(const InetdOptions& options) {
  Result<std::string> path = find_program(options.command.front());
  if (!path) return say(path.error().message()), 1;
  const Attached attached = attach(UINT_MAX);
  if (!attached.session) return attached.exit_code;
  Fd signals = watch_signals();
  // The programs that run, and as many that wait.
  Result<Guard> guard = Guard::start(std::size_t{2} * attached.session->slots());
  if (!signals.valid() || !guard) return say(guard ? "signalfd failed" : guard.error().message()), 1;
  return Inetd(options, std::move(path).value(), *attached.session, std::move(guard).value(),
               std::move(signals))
      .run();
}

}  // namespace prefork::worker

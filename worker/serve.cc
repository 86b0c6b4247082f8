#include "worker/serve.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <optional>

#include "worker/attach.h"

namespace prefork::worker {
namespace {

/// The session that SIGTERM stops. Global, because a signal handler gets no argument but the signal's number.
Session* stopped_by_term = nullptr;

extern "C" void stop_on_term(int) { stopped_by_term->stop(); }

/// During its life SIGTERM stops `session`. System calls of the handler are restarted after the signal.
class StopOnTerm {
 public:
  explicit StopOnTerm(Session& session) {
    struct sigaction present {};
    if (::sigaction(SIGTERM, nullptr, &present) < 0 || present.sa_handler != SIG_DFL) return;
    stopped_by_term = &session;
    struct sigaction stop {};
    stop.sa_handler = stop_on_term;
    stop.sa_flags = SA_RESTART;
    (void)::sigaction(SIGTERM, &stop, nullptr);
  }
  StopOnTerm(const StopOnTerm&) = delete;
  StopOnTerm& operator=(const StopOnTerm&) = delete;
  ~StopOnTerm() {
    if (stopped_by_term == nullptr) return;
    (void)std::signal(SIGTERM, SIG_DFL);
    stopped_by_term = nullptr;
  }
};

void log(const Connection& connection, const char* what) {
  (void)std::fprintf(stderr, "worker %d: connection %llu: %s\n", static_cast<int>(::getpid()),
                     static_cast<unsigned long long>(connection.ticket()), what);
}

void run(const Handler& handler, Connection& connection) {
  try {
    handler(connection);
  } catch (const std::exception& error) {
    log(connection, error.what());
  } catch (...) {
    log(connection, "unknown exception");
  }
}

}  // namespace

int serve(const Handler& handler, const ServeOptions& options) {
  const Attached attached = attach(1, options.start);
  if (!attached.session) return attached.exit_code;
  Session& session = *attached.session;
  const StopOnTerm term(session);
  unsigned served = 0;
  while (std::optional<Connection> connection = session.next(Wait::kYes)) {
    run(handler, *connection);
    // Before the connection is finished: no other is sent then.
    if (++served == options.leave_after) session.leave();
  }
  return session.exit_code();
}

}  // namespace prefork::worker

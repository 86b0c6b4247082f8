#include "supervisor/system/own_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <initializer_list>

namespace prefork {
namespace {

sigset_t requests() {
  sigset_t set;
  sigemptyset(&set);
  for (const int number : {SIGHUP, SIGUSR1, SIGUSR2, SIGTTIN, SIGTTOU}) sigaddset(&set, number);
  return set;
}

}  // namespace

void normalize_process() {
  // First: a socket that became descriptor 2 would receive what a library prints there.
  int descriptor = 0;
  do {
    descriptor = ::open("/dev/null", O_RDWR);
  } while (descriptor >= 0 && descriptor <= STDERR_FILENO);
  if (descriptor >= 0) (void)::close(descriptor);

  struct sigaction standard {};
  standard.sa_handler = SIG_DFL;
  for (int number = 1; number < NSIG; ++number)
    (void)::sigaction(number, &standard, nullptr);  // fails for KILL and STOP
  standard.sa_handler = SIG_IGN;
  (void)::sigaction(SIGPIPE, &standard, nullptr);
  (void)::sigaction(SIGXFSZ, &standard, nullptr);

  // When a template exits, the workers that it forked become our children. Should this fail (never seen),
  // they become children of init.
  (void)::prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void hold_requests() {
  const sigset_t set = requests();
  (void)::sigprocmask(SIG_BLOCK, &set, nullptr);
}

void hold_only_requests() {
  const sigset_t set = requests();
  (void)::sigprocmask(SIG_SETMASK, &set, nullptr);
}

void block_signals() {
  sigset_t all;
  sigfillset(&all);
  (void)::sigprocmask(SIG_SETMASK, &all, nullptr);
}

void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  (void)::sigprocmask(SIG_SETMASK, &none, nullptr);
}

}  // namespace prefork

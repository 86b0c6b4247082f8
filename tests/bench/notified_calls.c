/* What the kernel's reports cost at best: a program whose accept() is answered with a descriptor and whose close() is let
 * pass, by a process that does nothing else. Prints the CPU microseconds of both for one pair of calls. */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kNumber = 500, kPairs = 50000, kSendFlag = 2 };

static int install(void) {
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_accept, 4, 0),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close, 0, 2),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kNumber, 1, 0),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
  };
  const struct sock_fprog filter = {sizeof(code) / sizeof(code[0]), code};
  (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &filter);
}

static void answer(int reports) {
  const int given = open("/dev/null", O_RDONLY);
  struct pollfd polled = {.fd = reports, .events = POLLIN};
  (void)ioctl(reports, _IOW('!', 4, __u64), 1UL); /* wake on the same processor, since Linux 6.6 */
  while (poll(&polled, 1, -1) == 1 && (polled.revents & POLLIN) != 0) {
    struct seccomp_notif call = {0};
    if (ioctl(reports, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) continue;
    if (call.data.nr == SYS_accept) {
      struct seccomp_notif_addfd add = {
          .id = call.id, .flags = SECCOMP_ADDFD_FLAG_SETFD | kSendFlag, .srcfd = (__u32)given, .newfd = kNumber};
      (void)ioctl(reports, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
    } else {
      struct seccomp_notif_resp pass = {.id = call.id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE};
      (void)ioctl(reports, SECCOMP_IOCTL_NOTIF_SEND, &pass);
    }
  }
}

static double used(int who) {
  struct rusage usage;
  (void)getrusage(who, &usage);
  return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
         (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

int main(void) {
  int ends[2];
  if (pipe(ends) != 0) return 1;
  const pid_t program = fork();
  if (program == 0) {
    /* The reports are at the same number in both: the parent takes them by pidfd. */
    const int reports = install();
    if (write(ends[1], &reports, sizeof(reports)) != sizeof(reports) || reports < 0) _exit(1);
    (void)raise(SIGSTOP);
    for (int i = 0; i < kPairs; ++i) {
      if (syscall(SYS_accept, 0, 0, 0) != kNumber || syscall(SYS_close, kNumber) != 0) _exit(2);
    }
    _exit(0);
  }
  int theirs = -1;
  int status = 0;
  if (read(ends[0], &theirs, sizeof(theirs)) != sizeof(theirs) || theirs < 0) return 1;
  (void)waitpid(program, &status, WUNTRACED);
  const int pidfd = (int)syscall(SYS_pidfd_open, program, 0);
  const int reports = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
  if (reports < 0) {
    perror("bench-notified-calls");
    (void)kill(program, SIGKILL);
    return 1;
  }
  (void)kill(program, SIGCONT);
  answer(reports);
  (void)waitpid(program, &status, 0);
  if (status != 0) return 1;
  (void)printf("%.2f\n", (used(RUSAGE_SELF) + used(RUSAGE_CHILDREN)) / kPairs);
  return 0;
}

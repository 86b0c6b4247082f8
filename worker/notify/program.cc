#include "worker/notify/program.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace prefork::notify {
namespace {

/// An address in another process, for calls that take it as a pointer.
void* pointer(std::uint64_t address) {
  return reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
}

using Path = std::array<char, 64>;

Path path_of(pid_t thread, const char* directory, std::uint32_t descriptor) {
  Path path;
  (void)std::snprintf(path.data(), path.size(), "/proc/%d/%s/%u", static_cast<int>(thread), directory,
                      descriptor);
  return path;
}

/// The beginning of a file of /proc.
std::string text_of(const char* path) {
  std::string text(4096, '\0');
  const Fd file(::open(path, O_RDONLY | O_CLOEXEC));
  const ssize_t got = file.valid() ? ::read(file.get(), text.data(), text.size()) : 0;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

/// The number after a name at the beginning of a line.
std::optional<std::uint64_t> number_after(const std::string& text, const std::string& name, int base) {
  const std::size_t found = text.find('\n' + name);
  if (found == std::string::npos) return std::nullopt;
  return std::strtoull(text.c_str() + found + 1 + name.size(), nullptr, base);
}

bool has_bit(const std::optional<std::uint64_t>& signals, int signal) {
  return signals && ((*signals >> (signal - 1)) & 1) != 0;
}

std::string status_of(pid_t thread) {
  Path path;
  (void)std::snprintf(path.data(), path.size(), "/proc/%d/status", static_cast<int>(thread));
  return text_of(path.data());
}

/// EPERM: it is one, of a process that has changed its user.
bool is_thread_of(pid_t process, pid_t thread) {
  return ::syscall(SYS_tgkill, process, thread, 0) == 0 || errno == EPERM;
}

}  // namespace

Program::Program(pid_t pid) : pid_(pid), pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))) {}

void Program::signal(int number) const {
  if (pidfd_.valid()) {
    (void)::syscall(SYS_pidfd_send_signal, pidfd_.get(), number, nullptr, 0);
  } else if (::getppid() == pid_) {
    (void)::kill(pid_, number);
  }
}

bool Program::may_have(std::uint32_t descriptor) const {
  rlimit limit{};
  return ::prlimit(pid_, RLIMIT_NOFILE, nullptr, &limit) != 0 || descriptor < limit.rlim_cur;
}

bool Program::has_open(pid_t process, std::uint32_t descriptor) {
  if (asks_kernel_ && process == pid_ && pidfd_.valid()) {
    const Fd copy(static_cast<int>(::syscall(SYS_pidfd_getfd, pidfd_.get(), descriptor, 0)));
    if (copy.valid()) return true;
    if (errno == EBADF) return false;
    asks_kernel_ = errno != ENOSYS && errno != EPERM;
  }
  return ::faccessat(AT_FDCWD, path_of(process, "fd", descriptor).data(), F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

bool Program::handles(int signal) const {
  return has_bit(number_after(status_of(pid_), "SigCgt:", 16), signal);
}
bool Program::ignores(int signal) const {
  return has_bit(number_after(status_of(pid_), "SigIgn:", 16), signal);
}

bool read_memory(pid_t thread, std::uint64_t address, void* to, std::size_t size) {
  const iovec mine{to, size};
  const iovec theirs{pointer(address), size};
  return ::process_vm_readv(thread, &mine, 1, &theirs, 1, 0) == static_cast<ssize_t>(size);
}

void give_value(pid_t thread, const void* value, std::uint32_t size, std::uint64_t to,
                std::uint64_t size_at) {
  std::uint32_t room = 0;
  if (to == 0 || size_at == 0 || !read_memory(thread, size_at, &room, sizeof(room))) return;
  const std::size_t given = std::min(size, room);
  const std::array<iovec, 2> mine{iovec{const_cast<void*>(value), given}, iovec{&size, sizeof(size)}};
  const std::array<iovec, 2> theirs{iovec{pointer(to), given}, iovec{pointer(size_at), sizeof(size)}};
  (void)::process_vm_writev(thread, mine.data(), mine.size(), theirs.data(), theirs.size(), 0);
}

pid_t process_of(pid_t thread, pid_t likely) {
  if (thread == likely || is_thread_of(likely, thread)) return likely;
  if (is_thread_of(thread, thread)) return thread;
  return static_cast<pid_t>(number_after(status_of(thread), "Tgid:", 10).value_or(0));
}

std::optional<int> flags_of(pid_t thread, std::uint32_t descriptor) {
  const auto flags = number_after(text_of(path_of(thread, "fdinfo", descriptor).data()), "flags:", 8);
  if (!flags) return std::nullopt;
  return static_cast<int>(*flags);
}

bool has_queue(pid_t thread, std::uint32_t descriptor) {
  std::array<char, 64> target;
  const ssize_t size = ::readlink(path_of(thread, "fd", descriptor).data(), target.data(), target.size());
  return size > 0 &&
         std::string_view(target.data(), static_cast<std::size_t>(size)) == "anon_inode:[eventpoll]";
}

}  // namespace prefork::notify

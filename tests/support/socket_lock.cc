#include "tests/support/socket_lock.h"

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <utility>

namespace prefork::test {
namespace {

constexpr std::size_t kPage = 4096;

uffdio_range range_of(void* page) { return {reinterpret_cast<std::uintptr_t>(page), kPage}; }

/// A page whose faults wait for us.
void* page_of(const Fd& faults) {
  uffdio_api api{};
  api.api = UFFD_API;
  if (::ioctl(faults.get(), UFFDIO_API, &api) < 0) return nullptr;
  void* page = ::mmap(nullptr, kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return nullptr;
  uffdio_register missing{};
  missing.range = range_of(page);
  missing.mode = UFFDIO_REGISTER_MODE_MISSING;
  return ::ioctl(faults.get(), UFFDIO_REGISTER, &missing) < 0 ? nullptr : page;
}

}  // namespace

SocketLock::SocketLock(int socket)
    : faults_(static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK))) {
  if (faults_.valid()) page_ = page_of(faults_);
  if (page_ == nullptr) return;
  sender_ =
      std::thread([page = page_, socket] { (void)::send(socket, page, 1, MSG_DONTWAIT | MSG_NOSIGNAL); });
  pollfd fault{.fd = faults_.get(), .events = POLLIN, .revents = 0};
  if (::poll(&fault, 1, 10'000) != 1) std::abort();
}

void SocketLock::release() {
  if (!sender_.joinable()) return;
  uffdio_zeropage zero{};
  zero.range = range_of(page_);
  if (::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &zero) < 0) std::abort();
  sender_.join();
  (void)::munmap(std::exchange(page_, nullptr), kPage);
}

}  // namespace prefork::test

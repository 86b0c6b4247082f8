#include "supervisor/system/read_filter.h"

#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <seccomp.h>

#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <type_traits>

namespace prefork {
namespace {

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW), seccomp_release) {
    if (context_ == nullptr) error_ = ENOMEM;
    if (error_ != 0) return;
    note(seccomp_attr_set(context_.get(), SCMP_FLTATR_API_SYSRAWRC, 1));
    constexpr std::uint32_t kBinaryTree = 2;  // few instructions for each call
    note(seccomp_attr_set(context_.get(), SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree));
  }

  /// The call fails with `error` when all of `conditions` hold. A call that this architecture lacks needs no
  /// rule.
  void deny(const char* call, int error, std::initializer_list<scmp_arg_cmp> conditions) {
    const int number = seccomp_syscall_resolve_name(call);
    if (error_ != 0 || number < 0) return;
    note(seccomp_rule_add_array(context_.get(), SCMP_ACT_ERRNO(static_cast<unsigned>(error)), number,
                                static_cast<unsigned>(conditions.size()), conditions.begin()));
  }

  [[nodiscard]] Result<void> load() {
    if (error_ == 0) note(seccomp_load(context_.get()));
    if (error_ == 0) return {};
    return system_error("seccomp", error_);
  }

 private:
  void note(int result) {
    if (result < 0 && error_ == 0) error_ = -result;
  }

  std::unique_ptr<std::remove_pointer_t<scmp_filter_ctx>, void (*)(scmp_filter_ctx)> context_;
  int error_ = 0;
};

/// Argument `index`, a descriptor, is `first` or larger. All 64 bits are compared, and the kernel looks at
/// 32: a nonzero upper half makes any descriptor a high one, so the call is denied.
scmp_arg_cmp at_least(unsigned index, int first) {
  return {index, SCMP_CMP_GE, static_cast<scmp_datum_t>(first), 0};
}

/// Argument `index` is `value` in the 32 bits that the kernel looks at, for it takes the argument as an int.
scmp_arg_cmp equal(unsigned index, int value) {
  return {index, SCMP_CMP_MASKED_EQ, UINT32_MAX, static_cast<std::uint32_t>(value)};
}

/// Argument `index` is a pointer, and not null.
scmp_arg_cmp not_null(unsigned index) { return {index, SCMP_CMP_NE, 0, 0}; }

}  // namespace

Result<void> deny_reading_from(int first) {
  Filter filter;
  const scmp_arg_cmp from_client = at_least(0, first);
  for (const char* call : {"read", "readv", "pread64", "preadv", "preadv2", "recvmsg", "recvmmsg", "splice",
                           "tee", "copy_file_range", "dup", "dup2", "dup3"}) {
    filter.deny(call, EPERM, {from_client});
  }
  filter.deny("sendfile", EPERM, {at_least(1, first)});
  filter.deny("recvfrom", EPERM, {from_client, not_null(1)});
  for (const int command : {F_DUPFD, F_DUPFD_CLOEXEC})
    filter.deny("fcntl", EPERM, {from_client, equal(1, command)});
  filter.deny("getsockopt", EPERM, {from_client, equal(1, IPPROTO_TCP), equal(2, TCP_ZEROCOPY_RECEIVE)});
  filter.deny("pidfd_getfd", EPERM, {});
  for (const char* call : {"io_uring_setup", "io_uring_enter", "io_uring_register", "io_setup", "io_submit"})
    filter.deny(call, ENOSYS, {});
  return filter.load();
}

}  // namespace prefork

#include "supervisor/admin/connection_limits.h"

#include <sys/resource.h>

#include <algorithm>

namespace prefork {

ConnectionLimits connection_limits() {
  constexpr rlim_t kOther = 64;  // listeners, the link, epoll
  ConnectionLimits limits;
  const rlim_t wanted = limits.http + limits.agent + kOther;
  rlimit descriptors{};
  if (getrlimit(RLIMIT_NOFILE, &descriptors) != 0 || descriptors.rlim_cur >= wanted) return limits;
  descriptors.rlim_cur = std::min(descriptors.rlim_max, wanted);
  (void)setrlimit(RLIMIT_NOFILE, &descriptors);  // what is left is looked at next
  (void)getrlimit(RLIMIT_NOFILE, &descriptors);
  if (descriptors.rlim_cur >= wanted) return limits;
  const rlim_t rest = descriptors.rlim_cur > kOther ? descriptors.rlim_cur - kOther : 2;
  limits.agent = std::max<rlim_t>(1, rest / 5);
  limits.http = std::max<rlim_t>(1, rest - limits.agent);
  return limits;
}

}  // namespace prefork

#include "supervisor/system/descriptor_limits.h"

namespace prefork {

rlimit raise_descriptor_limit() {
  rlimit original{};
  (void)::getrlimit(RLIMIT_NOFILE, &original);
  rlimit raised = original;
  raised.rlim_cur = raised.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &raised);
  return original;
}

std::size_t descriptor_limit() {
  rlimit limit{};
  (void)::getrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace prefork

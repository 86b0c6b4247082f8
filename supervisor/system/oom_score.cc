#include "supervisor/system/oom_score.h"

#include <algorithm>
#include <fstream>

namespace prefork {

std::optional<int> default_oom_score_adj() {
  constexpr int kMore = 200;
  constexpr int kMost = 1000;
  std::ifstream file("/proc/self/oom_score_adj");
  int own = 0;
  if (!(file >> own)) return std::nullopt;
  return std::min(own + kMore, kMost);
}

}  // namespace prefork

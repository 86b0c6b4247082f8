#include "supervisor/admin/present_pools.h"

#include <map>
#include <string>

namespace prefork {

std::vector<const Json*> present_pools(const Json& status) {
  std::vector<const Json*> pools;
  std::map<std::string, std::size_t> places;
  for (const Json& pool : member(status, "pools")) {
    const auto [known, is_new] = places.try_emplace(text(pool, "name"), pools.size());
    if (is_new) {
      pools.push_back(&pool);
    } else if (is_true(*pools[known->second], "removed")) {
      pools[known->second] = &pool;
    }
  }
  return pools;
}

}  // namespace prefork

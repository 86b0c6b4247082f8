#include "config/resource_limits.h"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "config/byte_size.h"
#include "config/json_access.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

constexpr std::array<std::pair<std::string_view, int>, 13> kResources{{{"as", RLIMIT_AS},
                                                                       {"core", RLIMIT_CORE},
                                                                       {"cpu", RLIMIT_CPU},
                                                                       {"data", RLIMIT_DATA},
                                                                       {"fsize", RLIMIT_FSIZE},
                                                                       {"locks", RLIMIT_LOCKS},
                                                                       {"memlock", RLIMIT_MEMLOCK},
                                                                       {"msgqueue", RLIMIT_MSGQUEUE},
                                                                       {"nofile", RLIMIT_NOFILE},
                                                                       {"nproc", RLIMIT_NPROC},
                                                                       {"rtprio", RLIMIT_RTPRIO},
                                                                       {"sigpending", RLIMIT_SIGPENDING},
                                                                       {"stack", RLIMIT_STACK}}};

std::optional<int> resource_named(std::string_view name) {
  for (const auto& [known, resource] : kResources) {
    if (known == name) return resource;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> read_amount(const Document& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  return text == "unlimited" ? std::optional<std::uint64_t>(RLIM_INFINITY) : parse_byte_size(text);
}

/// The value "soft" or "hard" of a limit that is an object; of any other limit its only value.
std::optional<std::uint64_t> read_part(const Document& limit, const char* part) {
  if (!limit.is_object()) return read_amount(limit);
  const Document* value = find_key(limit, part);
  return value == nullptr ? std::nullopt : read_amount(*value);
}

}  // namespace

std::vector<ResourceLimit> read_resource_limits(const Document& limits, const std::string& pointer,
                                                Problems& problems) {
  std::vector<ResourceLimit> all;
  if (!limits.is_object()) return all;
  for (const auto& [name, value] : limits.items()) {
    const auto resource = resource_named(name);
    const auto soft = read_part(value, "soft");
    const auto hard = read_part(value, "hard");
    if (!resource || !soft || !hard) continue;
    if (*soft > *hard) {
      problems.add(child_pointer(child_pointer(pointer, name), "soft"),
                   value_text(value["soft"]) +
                       " is not allowed: soft must not be larger than hard, which is " +
                       value_text(value["hard"]));
    }
    all.push_back({*resource, name, *soft, *hard});
  }
  std::sort(all.begin(), all.end(),
            [](const ResourceLimit& a, const ResourceLimit& b) { return a.resource < b.resource; });
  return all;
}

}  // namespace prefork

#include "supervisor/pool/node_environment.h"

#include <algorithm>
#include <string_view>

#include "config/accept_library.h"
#include "config/node_check.h"
#include "proto/record.h"
#include "supervisor/pool/accept_environment.h"
#include "supervisor/system/accept_library.h"

namespace prefork {
namespace {

constexpr std::string_view kRequire = "--require ";

/// Node splits NODE_OPTIONS at spaces that are not inside double quotes, and takes \ before " and \ away
/// there.
std::string module_argument() {
  const std::string path = node_module_of(accept_library_directory());
  if (path.find_first_of(" \"\\") == std::string::npos) return path;
  std::string quoted = "\"";
  for (const char each : path) {
    if (each == '"' || each == '\\') quoted += '\\';
    quoted += each;
  }
  return quoted + '"';
}

/// The end of an argument that begins the text.
std::size_t end_of_argument(std::string_view text) {
  bool inside = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '"') inside = !inside;
    if (inside && text[at] == '\\') ++at;
    if (!inside && text[at] == ' ') return at;
  }
  return text.size();
}

bool has_variable(const Launch& launch, std::string_view begin) {
  return std::any_of(launch.environment.begin(), launch.environment.end(),
                     [&](const std::string& one) { return one.starts_with(begin); });
}

}  // namespace

void add_node_environment(const PoolConfig& config, const std::vector<ListenTarget>& targets,
                          Launch& launch) {
  put_in_front(kNodeOptionsVariable, std::string(kRequire) + module_argument(), ' ', config, launch);
  launch.environment.push_back("NODE_CHANNEL_FD=" + std::to_string(kChannelDescriptor));
  launch.environment.emplace_back("NODE_CHANNEL_SERIALIZATION_MODE=json");
  add_listen_addresses(config, targets, launch);
}

Launch as_node_worker(Launch launch, WorkerId worker) {
  constexpr std::string_view kInstance = "NODE_APP_INSTANCE=";
  launch.environment.push_back("NODE_UNIQUE_ID=" + std::to_string(worker.sequence()));
  if (!has_variable(launch, kInstance))
    launch.environment.push_back(std::string(kInstance) + std::to_string(worker.slot()));
  return launch;
}

void use_own_node_module(Launch& launch) {
  if (launch.wire != Wire::kNode) return;
  const std::string begin = std::string(kNodeOptionsVariable) + '=' + std::string(kRequire);
  for (std::string& entry : launch.environment) {
    if (!entry.starts_with(begin)) continue;
    const std::size_t size = end_of_argument(std::string_view(entry).substr(begin.size()));
    entry.replace(begin.size(), size, module_argument());
  }
}

}  // namespace prefork

#include "supervisor/admin_process/admin_launch.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "proto/record.h"
#include "supervisor/control/json_text.h"
#include "supervisor/system/oom_score.h"

namespace prefork {
namespace {

/// 1,000 connections, 200 of the agent, the listening sockets, the link, and what a library may open.
constexpr rlim_t kDescriptors = 1300;

}  // namespace

Launch admin_launch(const std::string& program, const std::optional<Identity>& identity, rlim_t descriptors) {
  Launch launch;
  launch.executable = program;
  launch.argv = {"supervisor-admin", "--link", std::to_string(kChannelDescriptor)};
  launch.directory = "/";
  if (identity) {
    launch.identity =
        LaunchIdentity{std::to_string(identity->uid), identity->uid, identity->gid, identity->groups};
  }
  launch.oom_score_adj = default_oom_score_adj();
  launch.oom_score_is_default = true;
  const rlim_t own = std::min(kDescriptors, descriptors);
  launch.limits = {{RLIMIT_NOFILE, "nofile", own, own}, {RLIMIT_CORE, "core", 0, 0}};
  launch.captured = true;
  return launch;
}

std::string listen_line(const std::vector<std::string>& admin, const std::vector<std::string>& agent,
                        const std::vector<std::string>& hosts) {
  return json_text({{"jsonrpc", "2.0"},
                    {"method", "listen"},
                    {"params", {{"admin", admin}, {"agent", agent}, {"hosts", hosts}}}}) +
         '\n';
}

}  // namespace prefork

#include "supervisor/admin_process/admin_launch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "proto/record.h"
#include "supervisor/control/json_text.h"
#include "supervisor/system/oom_score.h"

namespace prefork {
namespace {

/// 1,000 connections, 200 of the agent, the listening sockets, the link, and what a library may open.
constexpr rlim_t kDescriptors = 1300;

/// Each half has room for 900 seconds of 256 pools. Pages that are not written take no memory.
constexpr off_t kHistorySize = off_t{32} << 20;

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

Result<Fd> make_admin_history() {
  Fd file(::memfd_create("admin-history", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return system_error("memfd_create");
  if (::ftruncate(file.get(), kHistorySize) != 0) return system_error("ftruncate");
  // The process can write to it, and must not be able to fill the memory with it.
  if (::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
    return system_error("F_ADD_SEALS");
  return file;
}

std::string listen_line(const std::vector<std::string>& admin, const std::vector<std::string>& agent,
                        const std::vector<std::string>& hosts, bool history) {
  return json_text(
             {{"jsonrpc", "2.0"},
              {"method", "listen"},
              {"params", {{"admin", admin}, {"agent", agent}, {"hosts", hosts}, {"history", history}}}}) +
         '\n';
}

}  // namespace prefork

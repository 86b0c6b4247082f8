#include "config/node_check.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "config/accept_library.h"
#include "config/program_kind.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

std::string last_part(const std::string& path) { return std::filesystem::path(path).filename().string(); }

bool is_named_node(const std::string& path) { return last_part(path).starts_with("node"); }

/// What it starts cannot always be seen.
bool is_named_shell(const std::string& path) {
  constexpr std::array<std::string_view, 6> kShells = {"sh", "ash", "bash", "busybox", "dash", "zsh"};
  return std::find(kShells.begin(), kShells.end(), last_part(path)) != kShells.end();
}

}  // namespace

std::string node_program_doubt(const PoolConfig& pool, const std::string& path) {
  if (pool.protocol.name != Protocol::kNode || pool.executable.empty()) return "";
  // A word of it may be the program that another one, such as nice, starts.
  if (std::any_of(pool.command.begin(), pool.command.end(), is_named_node)) return "";
  const auto own_path = pool.environment.find("PATH");
  const ProgramKind program =
      kind_of_program(pool.executable, pool.command,
                      {pool.directory, own_path == pool.environment.end() ? path : own_path->second});
  const bool unseen = program.kind == ProgramKind::Kind::kUnknown || is_named_shell(program.file);
  if (unseen || is_named_node(program.file)) return "";
  return path_in_quotes(program.file) +
         " does not seem to be Node, which \"protocol\": \"node\" needs; name node and the file, such as "
         "[\"node\", \"server.js\"]";
}

std::string node_module_of(const std::string& libraries) {
  const auto path = (std::filesystem::path(libraries) / ".." / kNodeModule).lexically_normal();
  std::error_code failed;
  const auto real = std::filesystem::weakly_canonical(path, failed);
  return failed ? path.string() : real.string();
}

std::string node_module_fault(const PoolConfig& pool, const std::string& libraries) {
  if (pool.protocol.name != Protocol::kNode) return "";
  const std::string path = node_module_of(libraries);
  if (::access(path.c_str(), R_OK) == 0) return "";
  const std::error_code why(errno, std::system_category());
  return "\"node\" needs the module " + path_in_quotes(path) + ": " + why.message() +
         "; install the supervisor completely";
}

void check_node_module(const PoolConfig& pool, const std::string& pointer, const Machine& machine,
                       Problems& problems) {
  const std::string& libraries = machine.search().libraries;
  if (pool.protocol.name != Protocol::kNode || libraries.empty()) return;
  const std::string at = child_pointer(pointer, "protocol");
  machine.about_to_ask(at, "the module for Node programs");
  if (const std::string fault = node_module_fault(pool, libraries); !fault.empty()) problems.add(at, fault);
}

}  // namespace prefork

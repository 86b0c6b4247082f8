#include "config/node_check.h"

#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "config/accept_library.h"
#include "config/schema_words.h"

namespace prefork {

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

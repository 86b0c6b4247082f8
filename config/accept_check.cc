#include "config/accept_check.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "config/accept_library.h"
#include "config/kernel_notify.h"
#include "config/program_kind.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

ProgramKind kind_of(const PoolConfig& pool, const std::string& path) {
  const auto own_path = pool.environment.find("PATH");
  return kind_of_program(pool.executable, pool.command,
                         {pool.directory, own_path == pool.environment.end() ? path : own_path->second});
}

}  // namespace

std::string accept_library_of(const PoolConfig& pool, const std::string& directory) {
  return directory + '/' + std::string(pool.protocol.musl ? kAcceptLibraryForMusl : kAcceptLibrary);
}

std::string accept_library_fault(const PoolConfig& pool, const std::string& directory) {
  if (pool.protocol.name != Protocol::kAccept) return "";
  const std::string path = accept_library_of(pool, directory);
  if (path.find_first_of(" :") != std::string::npos) {
    return "\"accept\" is not possible here: the path of the accept library, " + path_in_quotes(path) +
           ", has a space or a colon, which LD_PRELOAD cannot have; install the supervisor elsewhere";
  }
  if (::access(path.c_str(), R_OK) == 0) return "";
  const std::error_code why(errno, std::system_category());
  return "\"accept\" needs the library " + path_in_quotes(path) + ": " + why.message() +
         (pool.protocol.musl
              ? "; the program is linked with musl: use a build for glibc, or install that library"
              : "; install the supervisor completely");
}

void check_accept_program(PoolConfig& pool, const std::string& pointer, const Machine& machine,
                          Problems& problems) {
  if (!pool.protocol.accepts() || pool.executable.empty()) return;
  const bool notified = pool.protocol.name == Protocol::kAcceptNotify;
  const std::string protocol = notified ? "\"accept-notify\"" : "\"accept\"";
  if (const std::string why = notified ? why_kernel_cannot_notify() : ""; !why.empty())
    problems.add(child_pointer(pointer, "protocol"), protocol + " is not possible here: " + why);
  const std::string at_program = child_pointer(child_pointer(pointer, "command"), 0);
  const std::string named = path_in_quotes(pool.command.front());
  machine.about_to_ask(at_program, "the files of the program " + named);
  const ProgramKind program = kind_of(pool, machine.search().path);
  pool.protocol.musl = program.kind == ProgramKind::Kind::kMusl;
  if (const std::string why = notified ? why_not_notified(program) : why_not_preloaded(program);
      !why.empty()) {
    const bool leads_elsewhere = program.file != pool.command.front();
    problems.add(at_program, named + (leads_elsewhere ? ": " + json_escaped(program.file) : "") +
                                 " cannot be used with \"protocol\": " + protocol + ": it " + why);
  } else if (!notified && !machine.search().libraries.empty()) {
    const std::string fault = accept_library_fault(pool, machine.search().libraries);
    if (!fault.empty()) problems.add(child_pointer(pointer, "protocol"), fault);
  }
}

void look_again_at_accept_program(PoolConfig& pool) {
  if (pool.protocol.name != Protocol::kAccept) return;
  const char* path = std::getenv("PATH");
  pool.protocol.musl = kind_of(pool, path == nullptr ? "" : path).kind == ProgramKind::Kind::kMusl;
}

}  // namespace prefork

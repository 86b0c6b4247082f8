#include "config/machine_check.h"

#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <sys/stat.h>

#include "config/identity.h"
#include "config/listen_address.h"
#include "config/program.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

/// The arguments, the environment and the paths of a worker must fit one message to the spawner.
constexpr std::size_t kMaxStartBytes = std::size_t{60} * 1024;

void check_directory(const std::string& directory, const std::string& pointer, Problems& problems) {
  struct stat info = {};
  if (::stat(directory.c_str(), &info) != 0) {
    problems.add(pointer, system_error(path_in_quotes(directory)).message());
  } else if (!S_ISDIR(info.st_mode)) {
    problems.add(pointer, path_in_quotes(directory) + " is not a directory");
  }
}

void check_size(const PoolConfig& pool, const std::string& pointer, Problems& problems) {
  std::size_t bytes = pool.executable.size() + pool.directory.size();
  for (const std::string& argument : pool.command) bytes += argument.size() + 1;
  for (const auto& [name, value] : pool.environment) bytes += name.size() + value.size() + 2;
  if (bytes <= kMaxStartBytes) return;
  problems.add(pointer, "command and environment have " + std::to_string(bytes) +
                            " bytes together; at most " + std::to_string(kMaxStartBytes) + " are allowed");
}

void check_host(const std::string& host, const std::string& pointer, Problems& problems) {
  if (host.empty() || is_numeric_host(host)) return;
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed == 0) return ::freeaddrinfo(found);
  problems.add(pointer, "the host " + in_quotes(host) + " cannot be resolved: " + ::gai_strerror(failed));
}

}  // namespace

void check_command(PoolConfig& pool, const std::string& pointer, const CommandSearch& search,
                   Problems& problems) {
  if (!pool.directory.empty()) check_directory(pool.directory, child_pointer(pointer, "directory"), problems);
  if (!pool.command.empty()) {
    auto found = find_program(pool.command.front(), pool.directory, search);
    if (found) {
      pool.executable = std::move(found).value();
    } else {
      problems.add(child_pointer(child_pointer(pointer, "command"), 0), found.error().what);
    }
  }
  check_size(pool, pointer, problems);
}

void check_listener(const ListenAddress& address, const std::string& pointer, Problems& problems) {
  const bool unix_path = address.kind == ListenAddress::Kind::kUnixPath;
  if (!unix_path && (address.mode || !address.owner.empty() || !address.group.empty())) {
    problems.add(pointer,
                 "mode, owner and group are only for unix:/path; this is " + in_quotes(address.text()));
  }
  if (address.kind != ListenAddress::Kind::kTcp && address.reuse_port) {
    problems.add(pointer, "reuse_port is only for TCP; this is " + in_quotes(address.text()));
  }
  // Safe with one thread: nothing keeps a pointer to the answers.
  if (!address.owner.empty() && !parse_account_number(address.owner) &&
      ::getpwnam(address.owner.c_str()) == nullptr) {
    problems.add(child_pointer(pointer, "owner"), in_quotes(address.owner) + ": no such user");
  }
  if (!address.group.empty() && !parse_account_number(address.group) &&
      ::getgrnam(address.group.c_str()) == nullptr) {
    problems.add(child_pointer(pointer, "group"), in_quotes(address.group) + ": no such group");
  }
  check_host(address.host, pointer, problems);
}

}  // namespace prefork

#include "config/machine_check.h"

#include <netdb.h>
#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "config/accept_check.h"
#include "config/accept_library.h"
#include "config/identity.h"
#include "config/listen_address.h"
#include "config/node_check.h"
#include "config/program.h"
#include "config/relative_path.h"
#include "config/schema_words.h"
#include "proto/joined.h"

namespace prefork {
namespace {

/// The arguments, the environment and the paths of a worker must fit one message to the spawner.
constexpr std::size_t kMaxStartBytes = std::size_t{60} * 1024;

void check_directory(const std::string& directory, const std::string& pointer, Problems& problems) {
  struct stat info = {};
  if (::stat(directory.c_str(), &info) != 0) {
    const bool missing = errno == ENOENT;
    const std::string home = home_hint(directory + '/');
    const std::string remedy = home.empty() ? "; create the directory, or correct the path" : home;
    problems.add(pointer, system_error(path_in_quotes(directory)).message() + (missing ? remedy : ""));
  } else if (!S_ISDIR(info.st_mode)) {
    problems.add(pointer, path_in_quotes(directory) + " is not a directory; name one");
  }
}

/// What to say of a program that is not there: perhaps its arguments are written with it.
std::string as_elements(const std::string& program) {
  std::istringstream words(program);
  std::vector<std::string> elements;
  for (std::string word; words >> word;) elements.push_back(in_quotes(word));
  if (elements.size() < 2) return "";
  return "; each argument is an element of its own: [" + joined(elements) + "]";
}

/// The variable of the supervisor's own environment that workers get behind what is preloaded; or "".
std::string inherited_variable(const PoolConfig& pool) {
  std::string name;
  if (pool.protocol.name == Protocol::kAccept) name = kPreloadVariable;
  if (pool.protocol.name == Protocol::kNode) name = kNodeOptionsVariable;
  return name.empty() || pool.environment.contains(name) || std::getenv(name.c_str()) == nullptr ? "" : name;
}

void check_size(const PoolConfig& pool, const std::string& pointer, Problems& problems) {
  std::size_t bytes = pool.executable.size() + pool.directory.size();
  for (const std::string& argument : pool.command) bytes += argument.size() + 1;
  for (const auto& [name, value] : pool.environment) bytes += name.size() + value.size() + 2;
  const std::string inherited = inherited_variable(pool);
  if (!inherited.empty()) bytes += std::strlen(std::getenv(inherited.c_str()));
  if (bytes <= kMaxStartBytes) return;
  const std::string with =
      inherited.empty() ? "" : ", with the " + inherited + " of the supervisor's own environment,";
  problems.add(pointer, "command and environment" + with + " have " + std::to_string(bytes) +
                            " bytes together; at most " + std::to_string(kMaxStartBytes) + " are allowed");
}

/// The numeric addresses of a host name, sorted: a name server may change their order each time.
std::vector<std::string> ask_for_host(const ListenAddress& address, const std::string& pointer,
                                      const Machine& machine, Problems& problems) {
  const std::string& host = address.host;
  if (host.empty() || is_numeric_host(host)) return {};
  if (auto known = machine.known_hosts(address); !known.empty()) return known;
  machine.about_to_ask(pointer, "the host " + in_quotes(host));
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (failed != 0) {
    problems.add(pointer, "the host " + in_quotes(host) + " cannot be resolved: " + ::gai_strerror(failed) +
                              "; correct it, or write a numeric address");
    return {};
  }
  std::vector<std::string> numeric;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST] = "";
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0, NI_NUMERICHOST) == 0)
      numeric.emplace_back(text);
  }
  ::freeaddrinfo(found);
  std::sort(numeric.begin(), numeric.end());
  numeric.erase(std::unique(numeric.begin(), numeric.end()), numeric.end());
  return numeric;
}

std::optional<std::uint32_t> ask_for_owner(const ListenAddress& address, const std::string& pointer,
                                           const Machine& machine, Problems& problems) {
  const std::string& owner = address.owner;
  if (owner.empty()) return {};
  if (const auto number = parse_account_number(owner)) return number;
  if (const auto known = machine.known_owner(address)) return known;
  const std::string at_owner = child_pointer(pointer, "owner");
  machine.about_to_ask(at_owner, "the user " + in_quotes(owner));
  // Safe with one thread: nothing keeps a pointer to the answer.
  const passwd* entry = ::getpwnam(owner.c_str());
  if (entry != nullptr) return entry->pw_uid;
  problems.add(at_owner,
               in_quotes(owner) + " is not allowed: there is no such user; create it, or correct the name");
  return {};
}

std::optional<std::uint32_t> ask_for_group(const ListenAddress& address, const std::string& pointer,
                                           const Machine& machine, Problems& problems) {
  if (address.group.empty()) return {};
  if (const auto known = machine.known_group(address)) return known;
  const std::string at_group = child_pointer(pointer, "group");
  machine.about_to_ask(at_group, "the group " + in_quotes(address.group));
  const auto number = group_number(address.group);
  if (!number)
    problems.add(at_group, in_quotes(address.group) +
                               " is not allowed: there is no such group; create it, or correct the name");
  return number;
}

/// What to do in place of a log file that stands for the standard error or for no log.
std::string instead_of(const std::string& path) {
  return path.starts_with("/dev/") ? "; leave log.file out, and redirect standard error" : "; name a file";
}

}  // namespace

void check_command(PoolConfig& pool, const std::string& pointer, const std::string& directory,
                   const Machine& machine, Problems& problems) {
  if (!pool.directory.empty()) {
    const std::string at_directory = child_pointer(pointer, "directory");
    machine.about_to_ask(at_directory, "the directory " + path_in_quotes(pool.directory));
    check_directory(pool.directory, at_directory, problems);
  }
  if (!pool.command.empty()) {
    const std::string at_program = child_pointer(child_pointer(pointer, "command"), 0);
    machine.about_to_ask(at_program, "the program " + path_in_quotes(pool.command.front()));
    auto found = find_program(pool.command.front(), pool.directory.empty() ? directory : pool.directory,
                              machine.search());
    if (found) {
      pool.executable = std::move(found).value();
      pool.pinned = pin_program(pool.executable, pool.directory);
    } else {
      problems.add(at_program, found.error().what + as_elements(pool.command.front()));
    }
  }
  check_accept_program(pool, pointer, machine, problems);
  check_node_module(pool, pointer, machine, problems);
  check_size(pool, pointer, problems);
}

void check_log_file(const std::string& path, const Machine& machine, Problems& problems) {
  constexpr const char* kPointer = "/log/file";
  machine.about_to_ask(kPointer, "the file " + path_in_quotes(path));
  struct stat info = {};
  if (::lstat(path.c_str(), &info) == 0) {
    struct stat own {};
    const bool is_own =
        ::stat(problems.file().c_str(), &own) == 0 && own.st_dev == info.st_dev && own.st_ino == info.st_ino;
    const std::string not_allowed = path_in_quotes(path) + " is not allowed: ";
    if (is_own) problems.add(kPointer, not_allowed + "it is this configuration itself; name another file");
    if (!S_ISREG(info.st_mode))
      problems.add(kPointer, not_allowed + "it is not a regular file" + instead_of(path));
    return;
  }
  // A directory that this user cannot search may have been opened by root.
  const std::string directory = std::filesystem::path(path).parent_path().string();
  if (errno == ENOENT || errno == ENOTDIR) check_directory(directory, kPointer, problems);
}

void check_listener(ListenAddress& address, const std::string& pointer, const Machine& machine,
                    Problems& problems) {
  const bool unix_path = address.kind == ListenAddress::Kind::kUnixPath;
  if (!unix_path && (address.mode || !address.owner.empty() || !address.group.empty())) {
    problems.add(pointer, "mode, owner and group are only for unix:/path; remove them, for this is " +
                              in_quotes(address.text()));
  }
  if (address.kind != ListenAddress::Kind::kTcp && address.reuse_port) {
    problems.add(pointer, "reuse_port is only for TCP; remove it, for this is " + in_quotes(address.text()));
  }
  address.answers = {ask_for_host(address, pointer, machine, problems),
                     ask_for_owner(address, pointer, machine, problems),
                     ask_for_group(address, pointer, machine, problems)};
}

}  // namespace prefork

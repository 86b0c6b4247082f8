#include "config/admin_reader.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "config/admin_token.h"
#include "config/identity.h"
#include "config/json_access.h"
#include "config/relative_path.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

/// Why the admin process cannot listen at this address; empty: it can.
std::string fault_of(const ListenAddress& address) {
  switch (address.kind) {
    case ListenAddress::Kind::kTcp:
      if (address.host.empty() || is_numeric_host(address.host)) return "";
      return "an address in numbers is needed, such as \"127.0.0.1:9465\"";
    case ListenAddress::Kind::kUnixPath: return "";
    case ListenAddress::Kind::kUnixAbstract:
      return "every local user could connect; use a socket with a path, such as \"unix:/run/admin.sock\"";
    case ListenAddress::Kind::kSystemd: break;
  }
  return "sockets from systemd are for pools; use an address such as \"127.0.0.1:9465\"";
}

std::vector<ListenAddress> read_addresses(const Document& document, const char* key, ListenReader& listeners,
                                          Problems& problems) {
  if (find_key(document, key) == nullptr) return {};
  std::vector<ListenAddress> addresses = listeners.read(document, "", key);
  for (ListenAddress& address : addresses) {
    // Only the supervisor's user, unless the file says more: the status names programs and clients.
    if (address.kind == ListenAddress::Kind::kUnixPath && !address.mode) address.mode = 0600;
    address.backlog = 128;
    if (const std::string fault = fault_of(address); !fault.empty())
      problems.add(child_pointer("", key), in_quotes(address.text()) + " is not allowed: " + fault);
  }
  return addresses;
}

std::vector<std::string> read_hosts(const Document& document) {
  std::vector<std::string> hosts;
  const Document& list = section(document, "admin_hosts");
  if (!list.is_array()) return hosts;
  for (const Document& one : list) {
    if (!one.is_string()) continue;
    std::string& host = hosts.emplace_back(one.get<std::string>());
    for (char& c : host) {
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
  }
  return hosts;
}

void read_token(AdminConfig& admin, const Machine& machine, Problems& problems) {
  constexpr const char* kPointer = "/admin_token_file";
  machine.about_to_ask(kPointer, "the file " + in_quotes(admin.token_file));
  auto token = read_admin_token(admin.token_file);
  if (token) {
    admin.token = std::move(token).value();
  } else {
    problems.add(kPointer, in_quotes(admin.token_file) + " is not allowed: it " + token.error().message());
  }
}

}  // namespace

AdminConfig read_admin(const Document& document, const Surroundings& surroundings, ListenReader& listeners,
                       Problems& problems) {
  AdminConfig admin;
  admin.listen = read_addresses(document, "admin", listeners, problems);
  admin.agent = read_addresses(document, "agent", listeners, problems);
  admin.hosts = read_hosts(document);
  read_value(document, "admin_token_file", admin.token_file);
  if (!admin.token_file.empty()) admin.token_file = in_directory(admin.token_file, surroundings.directory);
  read_account(document, "admin_user", admin.user);
  if (surroundings.machine == nullptr) return admin;
  if (!admin.token_file.empty()) read_token(admin, *surroundings.machine, problems);
  if (!admin.user.empty())
    admin.identity = find_supervisor_identity(admin.user, "/admin_user", *surroundings.machine, problems);
  return admin;
}

}  // namespace prefork

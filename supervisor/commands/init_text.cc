#include "supervisor/commands/init_text.h"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <vector>

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

std::string in_json(const Json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
}

std::string list(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "[" : ", ") + in_json(word);
  return text + ']';
}

/// In a comment: on one line.
std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ') c = '?';
  }
  return text;
}

constexpr const char* kParking = R"(
  // A connection gets a worker when the client sends something, and gives the worker back after each answer:
  // clients that keep their connections hold no worker between two requests.
  "wait_for_data": true,
  "keep_alive": { "park": true })";

constexpr const char* kServerProtocol = R"(,

  // How the program gets its connections; docs/workers.md. accept, accept-notify: any server, which listens by itself at
  // this address (PORT and HOST are in its environment). native: it speaks the worker protocol.
  "protocol": )";

constexpr const char* kWsgiKeys = R"(,

  // A worker answers one request at a time. Without this key there is one for each processor.
  // "workers": 8,

  // A worker that needs longer for a request is ended and replaced.
  // "health": { "busy_timeout": "60s" },
)";

constexpr const char* kAsgiKeys = R"(,

  // Without this key there is one worker for each processor.
  // "workers": 4,

  // The requests that a worker serves at a time. Fewer spread the load better; websockets and streams hold one each.
  "connections_per_worker": 16,
)";

constexpr const char* kNodeKeys = R"(,

  // The program listens as it always does, at this address or at the port in PORT.
  "protocol": "node",

  // Without this key there is one worker for each processor.
  // "workers": 4,

  // The connections that a worker has at a time. Fewer spread the load better; websockets hold one each.
  "connections_per_worker": 16,

  // Clients that keep their connections hold no slot between two requests.
  "keep_alive": { "park": true })";

constexpr const char* kPhpKeys = R"(,

  // php-cgi listens by itself and speaks FastCGI. A web server in front passes requests on, with SCRIPT_FILENAME.
  "protocol": "accept",

  // A worker answers one request at a time.
  "workers": 8,

  // Otherwise php-cgi ends after 500 requests.
  "environment": { "PHP_FCGI_MAX_REQUESTS": "100000" })";

constexpr const char* kInetdKeys = R"(,

  // Each connection is standard input and output of a process of its own. So many are served at a time:
  "workers": 8)";

constexpr const char* kServerKeys = R"(,

  // Without this key there is one worker for each processor.
  // "workers": 4,

  // How many connections a worker serves at a time: its threads, or 50 for an event loop.
  "connections_per_worker": 1)";

std::string keys_of(const ConfigurationText& file) {
  switch (file.program.kind) {
    case ProgramKind::kWsgi: return std::string(kWsgiKeys) + kParking;
    case ProgramKind::kAsgi: return std::string(kAsgiKeys) + kParking;
    case ProgramKind::kNode: return kNodeKeys;
    case ProgramKind::kPhp: return kPhpKeys;
    case ProgramKind::kInetd: return kInetdKeys;
    case ProgramKind::kServer: break;
  }
  return kServerProtocol + in_json(file.protocol) + kServerKeys;
}

}  // namespace

std::string ConfigurationText::text() const {
  std::vector<std::string> command = program.command;
  if (program.kind == ProgramKind::kPhp) command.push_back(listen);
  std::string text =
      "// Written by \"supervisor init\" for " + one_line(program.what) +
      ".\n// All keys: docs/configuration.md, or man 5 pool.json. After a change: supervisor check, "
      "then supervisor reload.\n{\n";
  if (::geteuid() == 0) {
    text +=
        "  // The user of the workers. If each pool has one, the supervisor gives up root, too.\n"
        "  // \"user\": \"www-data\",\n\n";
  }
  if (!schema.empty()) text += "  \"$schema\": " + in_json(schema) + ",\n\n";
  text += "  // Where clients connect. \":8000\" stands for all addresses of this machine.\n  \"listen\": " +
          in_json(listen) + ",\n\n  // What each worker runs, and where.\n  \"command\": " + list(command) +
          ",\n  \"directory\": " + in_json(directory);
  text += keys_of(*this);
  if (!admin.empty()) {
    text +=
        ",\n\n  // The dashboard, metrics and health checks: docs/dashboard.md. Each user of this machine "
        "can read them;\n"
        "  // actions need an admin_token_file.\n  \"admin\": " +
        in_json(admin);
  }
  return text + "\n}\n";
}

}  // namespace prefork

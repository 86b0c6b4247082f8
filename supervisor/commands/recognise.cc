#include "supervisor/commands/recognise.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "config/relative_path.h"
#include "proto/fd.h"

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

/// The file that "node server.js" or "NODE_ENV=production node --flag server.js" runs; empty: it is another
/// command.
std::string script_of(const std::string& start) {
  const std::size_t node = start.starts_with("node ") ? 0 : start.find(" node ");
  if (node == std::string::npos || start.find_first_of("&|;<>$`'\"") != std::string::npos) return "";
  return start.substr(start.rfind(' ') + 1);
}

/// The scripts that package.json names, the likeliest first.
std::vector<std::string> scripts_in(const std::string& package) {
  std::vector<std::string> scripts;
  const Json json = Json::parse(package, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return scripts;
  if (const auto all = json.find("scripts"); all != json.end() && all->is_object()) {
    if (const auto start = all->find("start"); start != all->end() && start->is_string())
      scripts.push_back(script_of(start->get<std::string>()));
  }
  if (const auto main = json.find("main"); main != json.end() && main->is_string())
    scripts.push_back(main->get<std::string>());
  return scripts;
}

}  // namespace

std::string beginning_of(const std::string& path) {
  constexpr std::size_t kMost = 65536;
  // O_NONBLOCK: otherwise open() of a FIFO waits for a writer.
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  struct stat info {};
  if (!file.valid() || ::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode)) return "";
  std::string text(kMost, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < kMost && (got = ::read(file.get(), text.data() + size, kMost - size)) > 0)
    size += static_cast<std::size_t>(got);
  text.resize(size);
  return text;
}

std::optional<Recognised> recognise_node(const std::string& directory) {
  std::vector<std::string> scripts = scripts_in(beginning_of(directory + "/package.json"));
  for (const char* usual : {"server.js", "server.mjs", "app.js", "index.js"}) scripts.emplace_back(usual);
  for (const std::string& script : scripts) {
    const bool named = !script.empty() && script.front() != '-' && script.front() != '/';
    if (!named || !is_file(in_directory(script, directory))) continue;
    return Recognised{ProgramKind::kNode, "a Node program, " + script, {"node", script}, kNodeNote};
  }
  return std::nullopt;
}

std::optional<Recognised> recognise_directory(const std::string& directory) {
  if (auto python = recognise_python(directory)) return python;
  if (auto node = recognise_node(directory)) return node;
  for (const char* page : {"index.php", "public/index.php"}) {
    if (!is_file(directory + '/' + page)) continue;
    return Recognised{ProgramKind::kPhp,
                      std::string("pages in PHP, ") + page,
                      {"php-cgi", "-b"},
                      "a web server in front speaks FastCGI to the pool: nginx with fastcgi_pass"};
  }
  return std::nullopt;
}

}  // namespace prefork

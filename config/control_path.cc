#include "config/control_path.h"

#include <nlohmann/json.hpp>

#include "config/control_place.h"
#include "config/file.h"
#include "config/json_access.h"
#include "config/listen_address.h"
#include "config/relative_path.h"
#include "config/schema_words.h"

namespace prefork {

std::string read_control_path(const Document& document, const std::string& directory, Problems& problems) {
  const std::string* path = find_string(document, "control");
  if (path == nullptr || problems.about("/control")) return "";
  if (path->find('\0') != std::string::npos) {
    problems.add("/control", in_quotes(*path) + " is not allowed: it contains a NUL byte");
  } else if (path->starts_with('@') || path->starts_with("unix:")) {
    problems.add("/control", in_quotes(*path) +
                                 " is not allowed: the control socket is a file; write its path" +
                                 " alone, such as \"/run/shop.sock\"");
  } else if (auto parsed = parse_listen_address("unix:" + in_directory(*path, directory)); !parsed) {
    problems.add("/control", in_quotes(*path) + " is not allowed: " + parsed.error().what);
  } else {
    return parsed.value().path;
  }
  return "";
}

void refuse_control_address(const Document& document, Problems& problems) {
  const std::string* path = find_string(document, "control");
  if (path == nullptr || problems.about("/control")) return;
  const bool number = path->find_first_not_of("0123456789") == std::string::npos;
  const bool address = path->find('/') == std::string::npos && (number || parse_listen_address(*path));
  if (!address && path->find("://") == std::string::npos) return;
  problems.add("/control",
               in_quotes(*path) +
                   " is not allowed: the control socket is a file and has no address; write its path, such "
                   "as \"/run/shop.sock\"");
}

Result<std::string> control_path_of(const std::string& file) {
  const auto text = read_config_file(file);
  if (!text) return Error{file + ": " + text.error().message()};
  Problems problems(file);
  std::string path;
  if (const auto document = parse_document(text.value(), problems)) {
    if (find_key(*document, "control") == nullptr) return find_default_control(file);
    path = read_control_path(*document, directory_of(file), problems);
    if (path.empty())
      problems.add("/control",
                   "is no path: a supervisor with this file has no control socket; it takes signals, such as "
                   "kill -HUP PID");
  }
  if (path.empty()) return Error{problems.take().front().message()};
  return path;
}

ListenAddress control_address(const std::string& path) {
  ListenAddress address;
  address.kind = ListenAddress::Kind::kUnixPath;
  address.path = path;
  address.backlog = 128;
  address.mode = 0600;
  return address;
}

}  // namespace prefork

// What program is in a directory, for the command init: looks at the names of files, and at the first part of
// a few of them. Runs nothing.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace prefork {

enum class ProgramKind { kWsgi, kAsgi, kNode, kPhp, kInetd, kServer };

struct Recognised {
  ProgramKind kind = ProgramKind::kServer;
  std::string what;                  ///< for a person: "a Flask application, app:app in app.py"
  std::vector<std::string> command;  ///< of php-cgi without its address
  std::string note = {};             ///< what is still to be done; empty: nothing
  /// That its interpreter, python3, must find; empty: it is another program, or not known.
  std::vector<std::string> packages = {};
};

inline constexpr const char* kNodeNote =
    "the program must listen at this port: PORT in its environment has it; --listen names the program's own";

/// Nothing: no program is recognised. Of several the first in this order: Django, another application in
/// Python, Node, PHP.
[[nodiscard]] std::optional<Recognised> recognise_directory(const std::string& directory);

// Its parts.
[[nodiscard]] std::optional<Recognised> recognise_python(const std::string& directory);
[[nodiscard]] std::optional<Recognised> recognise_node(const std::string& directory);

/// The beginning of a regular file, at most 64 KiB of it; empty: there is none that can be read.
[[nodiscard]] std::string beginning_of(const std::string& path);

}  // namespace prefork

#include "supervisor/commands/init.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <string_view>
#include <system_error>

#include "config/program.h"
#include "config/relative_path.h"
#include "config/schema_words.h"
#include "proto/fd.h"
#include "proto/result.h"
#include "supervisor/commands/init_text.h"
#include "supervisor/commands/python_packages.h"
#include "supervisor/commands/recognise.h"
#include "supervisor/commands/run_line.h"

namespace prefork {
namespace {

namespace fs = std::filesystem;

std::string file_name_of(const std::string& path) { return fs::path(path).filename().string(); }

bool is_inetd(const CommandLine& line) {
  return line.inetd || std::find(line.what.begin(), line.what.end(), "--inetd") != line.what.end();
}

Recognised recognise_command(const CommandLine& line) {
  const std::string& name = line.what.front();
  if (is_inetd(line)) {
    Recognised found{ProgramKind::kInetd,
                     "a program that serves one connection on its standard input and output, " + name,
                     {"supervisor-worker", "inetd", "--"}};
    found.command.insert(found.command.end(), line.what.begin(), line.what.end());
    return found;
  }
  if (file_name_of(name) == "node") return {ProgramKind::kNode, "a Node program", line.what, kNodeNote};
  return {ProgramKind::kServer, "a server program, " + name, line.what,
          "the program must listen at this address: it has PORT and HOST in its environment"};
}

/// One word that is a directory stands for the program in it.
std::optional<std::string> named_directory(const CommandLine& line) {
  std::error_code missing;
  if (line.what.empty()) return ".";
  if (line.what.size() == 1 && fs::is_directory(line.what.front(), missing)) return line.what.front();
  return std::nullopt;
}

std::string protocol_name_for(const Recognised& program, const CommandLine& line,
                              const CommandSearch& search) {
  switch (program.kind) {
    case ProgramKind::kWsgi:
    case ProgramKind::kAsgi:
    case ProgramKind::kInetd: return "native";
    case ProgramKind::kNode: return "node";
    case ProgramKind::kPhp: return "accept";
    case ProgramKind::kServer: break;
  }
  RunLine run;
  run.command = line.what;
  return protocol_of(run, search);
}

/// The schema where it is installed, for editors; empty: it is not.
std::string installed_schema(const CommandSearch& search) {
  std::error_code missing;
  const fs::path path = fs::path(search.own_directory).parent_path() / "share/supervisor/pool.schema.json";
  return fs::exists(path, missing) ? path.string() : "";
}

Result<void> write_new(const std::string& path, const std::string& text) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file.valid() && errno == EEXIST)
    return Error{path + " exists already, and is left as it is; -o FILE writes another"};
  if (!file.valid()) return system_error(path);
  const ssize_t written = ::write(file.get(), text.data(), text.size());
  if (written == static_cast<ssize_t>(text.size())) return {};
  const int error = written < 0 ? errno : ENOSPC;
  (void)::unlink(path.c_str());  // half a file is of no use
  return system_error(path, error);
}

void print_next(const ConfigurationText& text, const std::string& file, CommandOutput& output) {
  const Recognised& program = text.program;
  // The names of files in the project: they must not reach the terminal as they are.
  output.print_line("recognised: " + json_escaped(program.what));
  output.print_line("written: " + file);
  if (!program.note.empty()) output.print_line("note: " + program.note);
  output.print_line("next: supervisor check -c " + file + " && supervisor -c " + file);
  output.print_line("then it listens at " + text.listen);
  if (text.admin.empty()) return;
  const bool url = !text.admin.starts_with("unix:") && !text.admin.starts_with(':');
  output.print_line("and its dashboard is at " + (url ? "http://" + text.admin + "/" : text.admin));
}

std::string admin_of(const CommandLine& line) {
  if (line.admin == "false") return "";
  return line.admin.empty() ? "127.0.0.1:9465" : line.admin;
}

int print_nothing(const std::string& directory) {
  print_error("init: no program is recognised in " + absolute_path(directory) +
              ": no application of WSGI or ASGI, package.json, server.js or index.php; name the program: "
              "supervisor init -- PROGRAM ARGUMENTS");
  return kNo;
}

/// A directory whose name is misspelt would else be a program.
bool is_nothing(const CommandLine& line, const CommandSearch& search) {
  return line.what.size() == 1 && !find_program(line.what.front(), "", search);
}

/// The directory of the program, as a file at `output` has it.
std::string directory_for(const std::string& program, const std::string& output) {
  return absolute_path(program) == directory_of(output) ? "." : absolute_path(program);
}

}  // namespace

int init(const CommandLine& line, const CommandSearch& search, CommandOutput& output) {
  const auto directory = named_directory(line);
  if (!directory && is_nothing(line, search)) {
    print_error("init: there is no directory and no program " + line.what.front());
    return kNo;
  }
  auto program = directory ? recognise_directory(*directory) : std::optional(recognise_command(line));
  if (!program) return print_nothing(*directory);
  if (!program->packages.empty()) {
    const PythonChoice choice = choose_python(program->packages, search);
    program->command.front() = choice.python;
    program->note = choice.note;
  }
  const std::string place = directory.value_or(".");
  const std::string usual = place == "." ? "pool.json" : place + "/pool.json";
  const std::string file = line.output_file.empty() ? usual : line.output_file;
  const bool php = program->kind == ProgramKind::kPhp;
  const std::string listen = !line.listen.empty() ? line.listen : php ? "127.0.0.1:9000" : "127.0.0.1:8000";
  const ConfigurationText text{*program,
                               listen,
                               directory_for(place, file),
                               protocol_name_for(*program, line, search),
                               installed_schema(search),
                               admin_of(line)};
  if (auto written = write_new(file, text.text()); !written)
    return print_error("init: " + written.error().message()), kNo;
  print_next(text, file, output);
  return kFine;
}

}  // namespace prefork

#include "config/program_kind.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <string_view>

#include "config/elf_file.h"
#include "config/schema_words.h"

namespace prefork {
namespace {

using Kind = ProgramKind::Kind;

/// The kernel follows five scripts; env and shells may stand between them.
constexpr int kMostSteps = 8;
/// The bytes of a script's first line that the kernel looks at.
constexpr std::size_t kScriptLine = 256;

struct Step {
  std::string executable;
  std::vector<std::string> argv;
};

std::string_view name_of(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool is_shell(const std::string& executable) {
  constexpr std::array<std::string_view, 7> kShells = {"sh", "bash", "dash", "ash", "ksh", "zsh", "busybox"};
  return std::find(kShells.begin(), kShells.end(), name_of(executable)) != kShells.end();
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return words;
    text.remove_prefix(begin);
    words.emplace_back(text.substr(0, text.find_first_of(" \t")));
    text.remove_prefix(words.back().size());
  }
}

/// A program that env or a shell names, as it looks it up.
std::optional<std::string> looked_up(const std::string& name, const CommandPlace& place) {
  if (name.empty()) return std::nullopt;
  if (name.find('/') != std::string::npos)
    return (std::filesystem::path(place.directory) / name).lexically_normal().string();
  std::string_view rest = place.path;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(':'));
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
    std::string path = std::string(one) + '/' + name;
    struct stat info {};
    if (one.starts_with('/') && ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
        ::access(path.c_str(), X_OK) == 0)
      return path;
  }
  return std::nullopt;
}

/// What env starts: `env -S "node x"`, `env A=b node x`. Nothing for other options, which may change what the
/// program sees.
std::vector<std::string> after_env(const std::vector<std::string>& argv) {
  std::vector<std::string> rest(argv.begin() + 1, argv.end());
  if (!rest.empty() && rest.front().starts_with("-S")) {
    std::vector<std::string> split = words_of(std::string_view(rest.front()).substr(2));
    split.insert(split.end(), rest.begin() + 1, rest.end());
    rest = std::move(split);
  }
  const auto program = std::find_if(rest.begin(), rest.end(), [](const std::string& one) {
    return one.starts_with('-') || one.find('=') == std::string::npos;
  });
  if (program == rest.end() || program->starts_with('-')) return {};
  return {program, rest.end()};
}

/// What a shell becomes by `-c "exec node server.js"`. Nothing for any other text, or one that needs a shell
/// to be understood.
std::vector<std::string> after_shell(const std::vector<std::string>& argv) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 \t_./:,+@%=-";
  if (argv.size() < 3 || argv[1] != "-c") return {};
  const std::string& text = argv[2];
  if (!text.starts_with("exec ") || text.find_first_not_of(kPlain) != std::string::npos) return {};
  std::vector<std::string> words = words_of(std::string_view(text).substr(5));
  const bool starts_plainly =
      !words.empty() && !words[0].starts_with('-') && words[0].find('=') == std::string::npos;
  return starts_plainly ? words : std::vector<std::string>();
}

/// A file that is open for reading, if it is a regular one. Opening a device may already do something.
Fd open_regular(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return Fd();
  Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.valid() && (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))) file.reset();
  return file;
}

/// The command by which the kernel starts a script: its interpreter, at most one argument, and the script.
std::vector<std::string> after_script(const Fd& file, const Step& step) {
  std::string line(kScriptLine, '\0');
  const ssize_t got = ::pread(file.get(), line.data(), line.size(), 0);
  line.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  if (!line.starts_with("#!")) return {};
  const std::string_view text = std::string_view(line).substr(2, line.find('\n') - 2);
  std::vector<std::string> command = words_of(text);
  if (command.empty()) return {};
  if (command.size() > 1) {
    const std::size_t argument = text.find(command[1], text.find(command[0]) + command[0].size());
    std::string_view whole = text.substr(argument);
    whole = whole.substr(0, whole.find_last_not_of(" \t") + 1);
    command = {command[0], std::string(whole)};
  }
  command.push_back(step.executable);
  if (step.argv.size() > 1) command.insert(command.end(), step.argv.begin() + 1, step.argv.end());
  return command;
}

/// From the bits and attributes of the file, which can be seen without reading it.
std::optional<Kind> kind_by_rights(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISREG(info.st_mode)) return Kind::kUnknown;
  const bool sets_group = (info.st_mode & S_ISGID) != 0 && (info.st_mode & S_IXGRP) != 0;
  if ((info.st_mode & S_ISUID) != 0 || sets_group) return Kind::kSetId;
  if (::getxattr(path.c_str(), "security.capability", nullptr, 0) > 0) return Kind::kCapabilities;
  return std::nullopt;
}

Kind kind_by_loader(const std::string& loader) {
  const std::string_view name = name_of(loader);
  if (name.starts_with("ld-musl")) return Kind::kMusl;
  const bool glibc = name.starts_with("ld-linux") || name.starts_with("ld.so") || name.starts_with("ld64.so");
  return glibc ? Kind::kGlibc : Kind::kOtherLoader;
}

ProgramKind judge(const std::string& path, const ElfFile& elf) {
  ProgramKind found{Kind::kUnknown, path};
  switch (elf.kind) {
    case ElfFile::Kind::kNone: return found;
    case ElfFile::Kind::kOtherMachine: found.kind = Kind::kOtherMachine; break;
    case ElfFile::Kind::kStatic: found.kind = elf.is_go ? Kind::kGo : Kind::kStatic; break;
    case ElfFile::Kind::kDynamic:
      found.kind = elf.is_go ? Kind::kGo : kind_by_loader(elf.loader);
      found.loader = elf.loader;
      break;
  }
  if (const auto rights = kind_by_rights(path)) found.kind = *rights;
  return found;
}

/// The command that this one becomes; nothing when it is what runs.
std::optional<Step> next_step(const Step& step, const Fd& file, const CommandPlace& place) {
  std::vector<std::string> command = after_script(file, step);
  if (!command.empty()) {
    // The kernel looks in the current directory, and in no PATH.
    std::string path = (std::filesystem::path(place.directory) / command[0]).lexically_normal().string();
    return Step{std::move(path), std::move(command)};
  }
  if (name_of(step.executable) == "env") command = after_env(step.argv);
  if (is_shell(step.executable)) command = after_shell(step.argv);
  if (command.empty()) return std::nullopt;
  auto path = looked_up(command[0], place);
  return Step{path ? std::move(*path) : "", std::move(command)};
}

}  // namespace

ProgramKind kind_of_program(const std::string& executable, const std::vector<std::string>& command,
                            const CommandPlace& place) {
  Step step{executable, command};
  for (int steps = 0; steps < kMostSteps && !step.executable.empty(); ++steps) {
    const Fd file = open_regular(step.executable);
    if (!file.valid()) return {kind_by_rights(step.executable).value_or(Kind::kUnknown), step.executable};
    auto next = next_step(step, file, place);
    if (next) {
      step = std::move(*next);
      continue;
    }
    ProgramKind found = judge(step.executable, read_elf(file));
    // What a shell or env starts is not seen, and gets the library, too. A loader needs none.
    const bool starts_another = is_shell(step.executable) || name_of(step.executable) == "env" ||
                                name_of(step.executable).starts_with("ld-");
    const bool applet =
        name_of(step.executable) == "busybox" && step.argv.size() > 1 && !is_shell(step.argv[1]);
    if (found.kind == Kind::kStatic && starts_another && !applet) found.kind = Kind::kUnknown;
    return found;
  }
  return {Kind::kUnknown, step.executable};
}

std::string why_not_preloaded(const ProgramKind& program) {
  const std::string native = R"(, or one that speaks the worker protocol ("protocol": "native"))";
  switch (program.kind) {
    case Kind::kUnknown:
    case Kind::kGlibc:
    case Kind::kMusl: return "";
    case Kind::kStatic:
      return "is statically linked, and no library can be preloaded into it; use \"protocol\": "
             "\"accept-notify\", a dynamically linked build of it" +
             native;
    case Kind::kGo:
      return "is a Go program, which calls the kernel without the C library, so a preloaded library sees "
             "nothing of it; use \"protocol\": \"accept-notify\"" +
             native;
    case Kind::kSetId:
      return "has a set-user-ID or set-group-ID bit, and a worker gets no rights from its program's file; "
             "use a "
             "copy without the bit, and \"user\" for the user that it needs";
    case Kind::kCapabilities:
      return "has file capabilities, and no library is preloaded into such a program; use a copy without "
             "them "
             "(setcap -r): the supervisor opens the ports";
    case Kind::kOtherMachine:
      return "is for other processors or another word size than the supervisor, and so no library can be "
             "preloaded into it; use a build for this one" +
             native;
    case Kind::kOtherLoader:
      return "is started by " + path_in_quotes(program.loader) +
             ", whose C library there is no accept library for; use a build for glibc" + native;
  }
  return "";
}

std::string why_not_notified(const ProgramKind& program) {
  switch (program.kind) {
    case Kind::kUnknown:
    case Kind::kGlibc:
    case Kind::kMusl:
    case Kind::kOtherLoader:
    case Kind::kStatic:
    case Kind::kGo: return "";
    case Kind::kSetId: return why_not_preloaded(program);
    case Kind::kCapabilities:
      return "has file capabilities, and a worker gets no rights from its program's file; use a copy without "
             "them (setcap -r): the supervisor opens the ports";
    case Kind::kOtherMachine:
      return "is for other processors or another word size than the supervisor, and the kernel does not "
             "report "
             "its calls; use a build for this one";
  }
  return "";
}

Protocol protocol_for(const ProgramKind& program) {
  const bool notified = program.kind == Kind::kStatic || program.kind == Kind::kGo;
  return notified ? Protocol::kAcceptNotify : Protocol::kAccept;
}

}  // namespace prefork

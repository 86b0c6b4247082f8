// Whether the accept library can be preloaded into the program that a command starts: follows scripts to
// their interpreters, env, and shells whose text is one plain exec, and looks at the ELF file at the end.
// Reads files only, and a bounded part of each. A file that cannot be read is not judged.
#pragma once

#include <string>
#include <vector>

#include "config/machine.h"
#include "config/protocol_config.h"

namespace prefork {

struct ProgramKind {
  enum class Kind {
    kUnknown,  ///< cannot be read, or what it starts cannot be seen
    kGlibc,
    kMusl,
    kOtherLoader,  ///< a C library that there is no accept library for
    kStatic,
    kGo,
    kSetId,         ///< the file has the set-user-ID or the set-group-ID bit
    kCapabilities,  ///< the file has capabilities
    kOtherMachine,
  };
  Kind kind = Kind::kUnknown;
  std::string file;  ///< which is judged
  std::string loader = {};
};

/// How a worker's command finds its programs.
struct CommandPlace {
  std::string directory;  ///< of the worker
  std::string path;       ///< its PATH
};

/// `executable`: the absolute path that `command` leads to.
[[nodiscard]] ProgramKind kind_of_program(const std::string& executable,
                                          const std::vector<std::string>& command, const CommandPlace& place);

/// Why the accept library cannot be preloaded into it, and the way out; empty: it can, or that is not known.
[[nodiscard]] std::string why_not_preloaded(const ProgramKind& program);
/// The same for the protocol accept-notify.
[[nodiscard]] std::string why_not_notified(const ProgramKind& program);

/// The protocol of a server of this kind that knows nothing of the supervisor.
[[nodiscard]] Protocol protocol_for(const ProgramKind& program);

}  // namespace prefork

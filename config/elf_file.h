// What an ELF file says of itself, as far as it decides whether a library can be preloaded into its process.
// The file is not trusted: every number in it is checked, and only a bounded part of it is read.
#pragma once

#include <string>

#include "proto/fd.h"

namespace prefork {

struct ElfFile {
  enum class Kind {
    kNone,          ///< no ELF program, or one that is damaged
    kOtherMachine,  ///< for other processors than this program, or of another word size
    kStatic,        ///< names no loader: nothing can be loaded into its process
    kDynamic,
  };
  Kind kind = Kind::kNone;
  std::string loader;  ///< kDynamic: the path of its loader, as the file has it
  bool is_go = false;  ///< built by the Go compiler: it calls the kernel without the C library
};

/// Reads from any position; the descriptor's own position does not change.
[[nodiscard]] ElfFile read_elf(const Fd& file);

}  // namespace prefork

// The envelope in which a supervisor's state travels to the program that takes its place: a sealed memfd with
// a header (magic, format version, length, checksum) before the bytes. What the bytes mean is
// upgrade_state.h's business. The reader believes nothing that the header does not confirm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// Raised when a state can no longer be read as the version before wrote it: an enumerator has got another
/// number, or a field another meaning. Fields that were added or left out do not need it: they are found by
/// name.
inline constexpr std::uint32_t kStateFormat = 2;

/// A memfd with the header and `bytes` in it, which nobody can change any more. Close-on-exec.
[[nodiscard]] Result<Fd> seal_state(std::string_view bytes);

/// What seal_state() was given. Refuses what is not sealed, is of another format, cut off, or damaged.
[[nodiscard]] Result<std::string> read_state(const Fd& file);

}  // namespace prefork

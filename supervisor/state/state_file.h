// The envelope in which a supervisor's state travels to the program that takes its place: a sealed memfd with
// a header (magic, format version, length, checksum) before the bytes. upgrade_state.h says what the bytes
// mean. The reader refuses everything that the header does not confirm.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// Raise this when a program can no longer read the state that the version before wrote: an enumerator has
/// another number, or a field another meaning. Added and removed fields do not need it: fields are found by
/// name.
inline constexpr std::uint32_t kStateFormat = 2;

/// A memfd with the header and `bytes` in it, sealed against every change. Close-on-exec.
[[nodiscard]] Result<Fd> seal_state(std::string_view bytes);

/// The bytes that seal_state() was given. Refuses a file that is not sealed, of another format, cut off or
/// damaged.
[[nodiscard]] Result<std::string> read_state(const Fd& file);

}  // namespace prefork

// The envelope in which a supervisor's state travels to the program that takes its place: a sealed memfd with
// a header (magic, format version, length, checksum) before the bytes. upgrade_state.h says what the bytes
// mean. The reader refuses everything that the header does not confirm.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "proto/fd.h"
#include "proto/result.h"

namespace prefork {

/// Raise this when a program can no longer read the state that the version before wrote: an enumerator has
/// another number, or a field another meaning. Added and removed fields do not need it: fields are found by
/// name.
inline constexpr std::uint32_t kStateFormat = 2;

/// An empty memfd that can be sealed. Close-on-exec.
[[nodiscard]] Result<Fd> create_state_file();
/// Writes the header and `bytes` into it and seals it against every change.
[[nodiscard]] Result<void> seal_state_in(const Fd& file, std::string_view bytes);
/// Both.
[[nodiscard]] Result<Fd> seal_state(std::string_view bytes);

/// A state in its file: mapped, not copied. The file cannot change.
class StateBytes {
 public:
  StateBytes(void* begin, std::size_t size) : begin_(begin), size_(size) {}
  StateBytes(StateBytes&& other) noexcept
      : begin_(std::exchange(other.begin_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  StateBytes& operator=(StateBytes&&) = delete;
  StateBytes(const StateBytes&) = delete;
  StateBytes& operator=(const StateBytes&) = delete;
  ~StateBytes();

  /// The bytes that seal_state() was given.
  [[nodiscard]] std::string_view bytes() const;

 private:
  void* begin_;  ///< of the mapping
  std::size_t size_;
};

/// Refuses a file that is not sealed, of another format, cut off or damaged.
[[nodiscard]] Result<StateBytes> read_state(const Fd& file);

}  // namespace prefork

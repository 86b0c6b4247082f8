// The library's own descriptors: high numbers, so that the program gets the numbers that it expects;
// protected from the program's close() by their entry in the table.
#pragma once

#include <cstdint>

namespace prefork::accept {

enum class Private : std::uint32_t { kLasting, kChildWatch };

/// Moves `fd` to a high number, and closes `fd`. If there is none, `fd` itself is kept. Returns the number; a
/// negative one (an error of the call that made it) is passed through.
int make_private(int fd, Private what = Private::kLasting);
/// The same for a copy; `fd` stays. -1 without a free number.
int private_copy(int fd);
/// An eventfd of the library.
int new_event();
void close_private(int fd);

}  // namespace prefork::accept

// Reads the address forms of `listen` and compares the places they name. Resolves no names: whether a host
// name exists is asked by whoever checks a configuration or binds it.
#pragma once

#include <string_view>

#include "config/config.h"
#include "proto/result.h"

namespace prefork {

/// Numeric hosts come out in their usual spelling, names in lower case. The error says what is wrong in
/// words.
[[nodiscard]] Result<ListenAddress> parse_listen_address(std::string_view text);

/// Whether two sockets could not be bound to these at the same time; the other fields do not count.
[[nodiscard]] bool same_place(const ListenAddress& a, const ListenAddress& b);

[[nodiscard]] bool is_numeric_host(const std::string& host);

}  // namespace prefork

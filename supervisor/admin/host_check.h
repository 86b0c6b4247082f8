// Which names a browser may use for this server. A page of a stranger whose DNS name leads here ("DNS
// rebinding") sends its own name in Host, and its own origin with a POST.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prefork {

/// The host is an address, localhost or one of `names`. `host`: the value of the header, with or without a
/// port. Letters of either case are equal.
[[nodiscard]] bool host_allowed(std::string_view host, const std::vector<std::string>& names);

/// The origin that a browser sends is that of a page of this server: http or https, and the same host.
[[nodiscard]] bool same_origin(std::string_view origin, std::string_view host);

/// The token of "Bearer TOKEN".
[[nodiscard]] std::optional<std::string> bearer_token(std::string_view authorization);

}  // namespace prefork

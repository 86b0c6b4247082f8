// The head of an answer as text.
#pragma once

#include <string>

#include "supervisor/admin/request.h"

namespace prefork {

[[nodiscard]] std::string head_text(const Response& response, bool keep_alive);
/// Of the stream, which ends with its connection.
[[nodiscard]] std::string stream_head_text();

}  // namespace prefork

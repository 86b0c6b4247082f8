// A call of a method that waits for its answer only so long.
#pragma once

#include <chrono>

#include "supervisor/admin/asio.h"
#include "supervisor/admin/control_link.h"

namespace prefork {

/// Calls `on_reply` once: with the answer, or after `limit` with kNoAnswer. An answer that comes later is
/// dropped.
void call_within(IoContext& io, ControlLink& link, std::chrono::milliseconds limit, const char* method,
                 Json parameters, ControlLink::OnReply on_reply);

}  // namespace prefork

// The notifications that a service of Type=notify-reload sends to systemd, and its watchdog; see
// sd_notify(3). They do nothing if systemd did not start the supervisor. ServiceReporter decides when they
// are sent.
#pragma once

#include <string>

#include "supervisor/core/ids.h"

namespace prefork {

void notify_ready(const std::string& status);
void notify_reloading();
void notify_stopping();
void notify_status(const std::string& status);
void notify_alive();
/// Whether systemd waits for the notifications.
[[nodiscard]] bool is_service();
/// The longest allowed interval between two calls of notify_alive(); zero: there is no watchdog.
[[nodiscard]] Duration watchdog_interval();

}  // namespace prefork

// The notifications that a service of Type=notify-reload sends to systemd, and its watchdog; see
// sd_notify(3), which waits while systemd does not read: these do not. ServiceReporter decides when they are
// sent.
#pragma once

#include <string>

#include "supervisor/core/ids.h"

namespace prefork {

// The texts of notifications.
[[nodiscard]] std::string ready_notification(const std::string& status);
[[nodiscard]] std::string reloading_notification();
/// `extend`: see EXTEND_TIMEOUT_USEC; zero: without it.
[[nodiscard]] std::string stopping_notification(Duration extend);
[[nodiscard]] std::string status_notification(const std::string& status);
[[nodiscard]] std::string alive_notification();

/// Sends a notification without waiting. False: there is no room for it now, and it may be sent again. Other
/// failures count as sent: systemd itself reports a service whose notifications do not come.
[[nodiscard]] bool send_notification(const std::string& text);

/// Whether systemd waits for the notifications.
[[nodiscard]] bool is_service();
/// The longest allowed interval between two signs of life; zero: there is no watchdog.
[[nodiscard]] Duration watchdog_interval();

}  // namespace prefork

#include "supervisor/systemd/notify.h"

#include <systemd/sd-daemon.h>

#include <cstdint>
#include <cstdlib>
#include <ctime>

namespace prefork {
namespace {

// A failure is not logged: systemd itself reports a service whose notifications do not come.
void notify(const std::string& state) { (void)::sd_notify(0, state.c_str()); }

}  // namespace

void notify_ready(const std::string& status) { notify("READY=1\nSTATUS=" + status); }

void notify_reloading() {
  timespec now{};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  const auto us = static_cast<long long>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
  notify("RELOADING=1\nMONOTONIC_USEC=" + std::to_string(us) + "\nSTATUS=reloading");
}

void notify_stopping() { notify("STOPPING=1\nSTATUS=stopping"); }
void notify_status(const std::string& status) { notify("STATUS=" + status); }
void notify_alive() { notify("WATCHDOG=1"); }
bool is_service() { return std::getenv("NOTIFY_SOCKET") != nullptr; }

Duration watchdog_interval() {
  std::uint64_t us = 0;
  if (::sd_watchdog_enabled(0, &us) <= 0) return Duration::zero();
  return std::chrono::microseconds(us);
}

}  // namespace prefork

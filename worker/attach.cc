#include "worker/attach.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "proto/digits.h"
#include "worker/template.h"

namespace prefork::worker {
namespace {

Result<Fd> find_channel() {
  const char* named = std::getenv(kChannelVariable);
  if (named == nullptr) {
    return Error{std::string(kChannelVariable) +
                 " is not set: this program is a worker, which the supervisor starts in a pool with "
                 "\"protocol\": \"native\""};
  }
  const std::string which = std::string(kChannelVariable) + "=" + named;
  const std::optional<int> descriptor = parse_digits<int>(named);
  if (!descriptor) return Error{which + ": not the number of a descriptor"};
  int type = 0;
  socklen_t size = sizeof(type);
  if (::getsockopt(*descriptor, SOL_SOCKET, SO_TYPE, &type, &size) < 0) return system_error(which);
  if (type != SOCK_SEQPACKET) return Error{which + ": not a SOCK_SEQPACKET socket"};
  if (::fcntl(*descriptor, F_SETFD, FD_CLOEXEC) < 0) return system_error(which);
  return Fd(*descriptor);
}

unsigned slots_of_environment(unsigned limit) {
  const char* given = std::getenv(kSlotsVariable);
  const int slots = given == nullptr ? 1 : parse_digits<int>(given).value_or(1);
  return std::clamp(static_cast<unsigned>(slots), 1U, std::max(limit, 1U));
}

/// Calls `start`; false after an exception.
bool has_started(const std::function<void()>& start) {
  try {
    start();
    return true;
  } catch (const std::exception& error) {
    (void)std::fprintf(stderr, "worker %d: start: %s\n", static_cast<int>(::getpid()), error.what());
  } catch (...) {
    (void)std::fprintf(stderr, "worker %d: start: unknown exception\n", static_cast<int>(::getpid()));
  }
  return false;
}

}  // namespace

std::optional<Channel> channel_of_environment() {
  Result<Fd> end = find_channel();
  if (end) return Channel(std::move(end).value());
  (void)std::fprintf(stderr, "%s\n", end.error().message().c_str());
  return std::nullopt;
}

Attached attach(unsigned limit, const std::function<void()>& start) {
  std::optional<Channel> found = channel_of_environment();
  if (!found) return {.session = nullptr, .exit_code = 2};
  (void)std::signal(SIGPIPE, SIG_IGN);

  Channel channel(std::move(*found));
  if (is_template()) {
    TemplateEnd outcome = run_template(std::move(channel));
    if (!outcome.worker) return {.session = nullptr, .exit_code = outcome.exit_code};
    channel = std::move(*outcome.worker);
  }
  if (start && !has_started(start)) return {.session = nullptr, .exit_code = 1};
  auto session = std::make_unique<Session>(std::move(channel));
  session->ready(slots_of_environment(limit));
  return {.session = std::move(session), .exit_code = 0};
}

}  // namespace prefork::worker

#include "worker/accept/environment.h"

#include <cstring>

namespace prefork::accept {
namespace {

/// A decimal number from 0 to `limit`; `otherwise` when it is none.
int number(const char* text, int limit, int otherwise) {
  if (text == nullptr || *text == 0) return otherwise;
  int value = 0;
  for (; *text != 0; ++text) {
    if (*text < '0' || *text > '9' || value > limit / 10) return otherwise;
    value = value * 10 + (*text - '0');
  }
  return value > limit ? otherwise : value;
}

bool is(const char* text, const char* expected) {
  return text != nullptr && std::strcmp(text, expected) == 0;
}

void read_item(const char* item, std::size_t length, Settings& out) {
  std::size_t at = 0;
  std::uint32_t index = 0;
  while (at < length && at < 6 && item[at] >= '0' && item[at] <= '9') {
    index = index * 10 + static_cast<std::uint32_t>(item[at++] - '0');
  }
  if (at == 0 || at >= length || item[at] != '=' || out.addresses == kMaxAddresses) return;
  PoolAddress& next = out.address[out.addresses];
  if (!read_address(item + at + 1, length - at - 1, next.address)) return;
  next.index = index;
  ++out.addresses;
}

}  // namespace

void read_addresses(const char* text, Settings& out) {
  out.addresses = 0;
  while (text != nullptr && *text != 0) {
    const std::size_t length = std::strcspn(text, ",");
    read_item(text, length, out);
    text += length;
    if (*text == ',') ++text;
  }
}

void read_settings(const char* (*variable)(const char* name), Settings& out) {
  out.channel = number(variable("SUPERVISOR_CHANNEL"), 1 << 20, -1);
  const int slots = number(variable("SUPERVISOR_SLOTS"), 1 << 20, 1);
  out.slots = slots < 1 ? 1 : static_cast<unsigned>(slots);
  out.drain_now = is(variable("SUPERVISOR_DRAIN"), "now");
  const int signal = number(variable("SUPERVISOR_DRAIN_SIGNAL"), 64, SIGTERM);
  out.drain_signal = signal < 1 ? SIGTERM : signal;
  out.listen_fds = is(variable("SUPERVISOR_LISTEN_FDS"), "1");
  read_addresses(variable("SUPERVISOR_LISTEN"), out);
}

}  // namespace prefork::accept

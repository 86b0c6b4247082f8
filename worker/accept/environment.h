// What the supervisor tells the library, in the environment of the worker. Read once, at the start.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>

#include "worker/accept/address.h"

namespace prefork::accept {

inline constexpr std::size_t kMaxAddresses = 64;

struct PoolAddress {
  std::uint32_t index = 0;  ///< Connection.value
  Address address;
};

struct Settings {
  int channel = -1;  ///< as the environment names it, not checked
  unsigned slots = 1;
  bool drain_now = false;
  int drain_signal = SIGTERM;
  bool listen_fds = false;
  std::size_t addresses = 0;
  PoolAddress address[kMaxAddresses];
};

/// `variable` is getenv(), or a test's.
void read_settings(const char* (*variable)(const char* name), Settings& out);
/// Reads `INDEX=ADDRESS,…`; items that are malformed, or beyond kMaxAddresses, are left out.
void read_addresses(const char* text, Settings& out);

}  // namespace prefork::accept

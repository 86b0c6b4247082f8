// What a worker's dialect or process has told the core, sorted out for a test.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "supervisor/core/event.h"

namespace prefork::test {

/// Those of one kind, in their order.
template <typename T>
[[nodiscard]] std::vector<T> events_of(const std::vector<Event>& told) {
  std::vector<T> all;
  for (const Event& event : told) {
    if (const T* wanted = std::get_if<T>(&event)) all.push_back(*wanted);
  }
  return all;
}

template <typename T>
[[nodiscard]] std::vector<std::uint64_t> tickets_of(const std::vector<Event>& told) {
  std::vector<std::uint64_t> tickets;
  for (const T& event : events_of<T>(told)) tickets.push_back(event.ticket.value);
  return tickets;
}

}  // namespace prefork::test

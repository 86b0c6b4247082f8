#include "worker/slots.h"

#include "worker/attach.h"

namespace prefork::worker {

std::pair<std::optional<Slots>, int> Slots::open(unsigned limit) {
  Attached attached = attach(limit);
  if (!attached.session) return {std::nullopt, attached.exit_code};
  return {Slots(std::move(attached.session)), 0};
}

}  // namespace prefork::worker

#include "supervisor/workers/unread_datagrams.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>

namespace prefork {
namespace {

int memory_in_use(const Channel& channel) {
  int bytes = 0;
  return ::ioctl(channel.descriptor(), SIOCOUTQ, &bytes) == 0 ? std::max(bytes, 0) : 0;
}

}  // namespace

UnreadDatagrams::UnreadDatagrams() {
  auto ends = Channel::make_pair();
  if (!ends) return;
  auto [ours, theirs] = std::move(ends).value();
  const Fd attached = theirs.release();
  // All datagrams to a worker are one record. With or without a descriptor they cost the same, as far as is
  // known; should they not, the larger cost counts fewer datagrams.
  if (ours.send(Record{}) != SendStatus::kSent) return;
  const int plain = memory_in_use(ours);
  if (ours.send(Record{}, attached) != SendStatus::kSent) return;
  cost_ = std::max(plain, memory_in_use(ours) - plain);
}

std::optional<std::uint32_t> UnreadDatagrams::of(const Channel& channel) const {
  if (cost_ == 0) return std::nullopt;
  return static_cast<std::uint32_t>(memory_in_use(channel) / cost_);
}

bool UnreadDatagrams::any(const Channel& channel) { return memory_in_use(channel) > 0; }

}  // namespace prefork

#include "supervisor/workers/unread_datagrams.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <string>

#include "proto/text_record.h"

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
  // With or without a descriptor a datagram costs the same, as far as is known; should it not, the larger
  // cost counts fewer datagrams.
  if (ours.send(Record{}) != SendStatus::kSent) return;
  const int plain = memory_in_use(ours);
  if (ours.send(Record{}, attached) != SendStatus::kSent) return;
  const int both = memory_in_use(ours);
  const TextRecord largest(Record{.kind = RecordKind::kConnection}, std::string(kMaxMemoLength, 'x'));
  if (ours.send(largest.bytes(), attached) != SendStatus::kSent) return;
  record_cost_ = std::max(plain, both - plain);
  memo_cost_ = std::max(record_cost_, memory_in_use(ours) - both);
}

std::optional<std::uint32_t> UnreadDatagrams::of(const Channel& channel, Sizes sizes) const {
  const int cost = sizes == Sizes::kRecords ? record_cost_ : memo_cost_;
  if (cost == 0) return std::nullopt;
  return static_cast<std::uint32_t>(memory_in_use(channel) / cost);
}

bool UnreadDatagrams::any(const Channel& channel) { return memory_in_use(channel) > 0; }

}  // namespace prefork

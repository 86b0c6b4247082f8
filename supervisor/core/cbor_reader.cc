#include "supervisor/core/cbor_reader.h"

#include <bit>

namespace prefork {
namespace {

enum Major : unsigned { kPositive, kNegative, kBytes, kText, kList, kMap, kTag, kSimple };
constexpr unsigned kNull = 22, kFloat = 26, kDouble = 27;
constexpr unsigned char kEndMark = 0xff;

}  // namespace

bool CborReader::peek(Head& head, std::size_t& size) {
  if (!sound_ || at_end()) return broken();
  const auto first = static_cast<unsigned char>(bytes_[at_]);
  head.major = first >> 5U;
  head.info = first & 31U;
  head.value = head.info;
  size = 1;
  if (head.info < 24) return true;
  if (head.info == kEndless) return head.major >= kBytes && head.major <= kMap ? true : broken();
  if (head.info > 27) return broken();
  const std::size_t following = std::size_t{1} << (head.info - 24);
  if (rest() - 1 < following) return broken();
  head.value = 0;
  for (std::size_t i = 0; i < following; ++i)
    head.value = head.value << 8U | static_cast<unsigned char>(bytes_[at_ + 1 + i]);
  size += following;
  return true;
}

bool CborReader::integer(std::int64_t& value) {
  Head head;
  std::size_t size = 0;
  if (!peek(head, size) || head.major > kNegative) return false;
  at_ += size;
  const auto number = static_cast<std::int64_t>(head.value);
  value = head.major == kPositive ? number : -1 - number;
  return true;
}

bool CborReader::real(double& value) {
  Head head;
  std::size_t size = 0;
  if (!peek(head, size) || head.major != kSimple) return false;
  if (head.info == kDouble) {
    value = std::bit_cast<double>(head.value);
  } else if (head.info == kFloat) {
    value = std::bit_cast<float>(static_cast<std::uint32_t>(head.value));
  } else {
    return false;
  }
  at_ += size;
  return true;
}

bool CborReader::text(std::string_view& value) {
  Head head;
  std::size_t size = 0;
  if (!peek(head, size) || head.major != kText || head.info == kEndless) return false;
  if (rest() - size < head.value) return broken();
  value = bytes_.substr(at_ + size, head.value);
  at_ += size + head.value;
  return true;
}

bool CborReader::null() {
  Head head;
  std::size_t size = 0;
  if (!peek(head, size) || head.major != kSimple || head.info != kNull) return false;
  at_ += size;
  return true;
}

bool CborReader::begin(unsigned major, Items& items) {
  Head head;
  std::size_t size = 0;
  if (!peek(head, size) || head.major != major) return false;
  at_ += size;
  items = {head.value, head.info == kEndless};
  return true;
}

bool CborReader::begin_list(Items& items) { return begin(kList, items); }

bool CborReader::begin_map(Items& pairs) { return begin(kMap, pairs); }

bool CborReader::next(Items& items) {
  if (!sound_) return false;
  if (!items.endless) return items.left > 0 && items.left-- > 0;
  if (at_end()) return broken();
  if (static_cast<unsigned char>(bytes_[at_]) != kEndMark) return true;
  ++at_;
  items = {};
  return false;
}

bool CborReader::skip(unsigned depth) {
  Head head;
  std::size_t size = 0;
  if (depth > kMaxDepth) return broken();
  if (!peek(head, size)) return false;
  at_ += size;
  switch (head.major) {
    case kBytes:
    case kText: return skip_bytes(head, depth);
    case kList:
    case kMap: return skip_items(head, depth);
    case kTag: return skip(depth + 1);
    default: return true;
  }
}

bool CborReader::skip_bytes(const Head& head, unsigned depth) {
  if (head.info != kEndless) {
    if (rest() < head.value) return broken();
    at_ += head.value;
    return true;
  }
  return skip_items({kList, kEndless, 0}, depth);  // in pieces
}

bool CborReader::skip_items(const Head& head, unsigned depth) {
  Items items{head.value, head.info == kEndless};
  while (next(items)) {
    if (!skip(depth + 1) || (head.major == kMap && !skip(depth + 1))) return false;
  }
  return sound_;
}

}  // namespace prefork

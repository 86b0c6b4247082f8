#include "supervisor/workers/output_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

namespace prefork {
namespace {

constexpr std::size_t kBytesPerUnit = 256;

bool continues(std::string_view text, std::size_t at) {
  return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0U) == 0x80U;
}

/// One UTF-8 character at the beginning of `text`; size 0: there is none.
struct Character {
  std::size_t size = 0;
  std::uint32_t code = 0;
};

Character first_character(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return {1, lead};
  const std::size_t size = lead >= 0xf0 && lead < 0xf5 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead >= 0xf5) return {};
  std::uint32_t code = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if (!continues(text, i)) return {};
    code = (code << 6U) | (static_cast<unsigned char>(text[i]) & 0x3fU);
  }
  constexpr std::uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code < 0xe000;
  if (code < kLeast[size] || code > 0x10ffff || surrogate) return {};
  return {size, code};
}

bool is_harmless(std::uint32_t code) {
  if (code == '\t') return true;
  const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
  const bool line_end = code == 0x2028 || code == 0x2029;
  const bool direction = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
  return !control && !line_end && !direction;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string safe;
  safe.reserve(text.size());
  while (!text.empty()) {
    const Character character = first_character(text);
    const std::size_t size = std::max<std::size_t>(character.size, 1);
    if (character.size > 0 && is_harmless(character.code)) {
      safe += text.substr(0, size);
    } else {
      for (const char byte : text.substr(0, size))
        safe += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
    text.remove_prefix(size);
  }
  return safe;
}

void OutputLines::refill(Instant now) {
  const double seconds = std::chrono::duration<double>(now - refilled_at_).count();
  budget_ = std::min(kBurst, budget_ + std::max(seconds, 0.0) * kPerSecond);
  refilled_at_ = now;
  // Not line by line: then each would bring another word on how many were dropped before it.
  if (budget_ >= kPerSecond) exhausted_ = false;
}

void OutputLines::spend(double cost) {
  budget_ = std::max(0.0, budget_ - cost);
  if (budget_ < 1) exhausted_ = true;
}

void OutputLines::feed(std::string_view bytes, Instant now, std::vector<std::string>& out) {
  refill(now);
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    add(bytes.substr(0, end));
    if (line_.size() > kMaxLine || end != std::string_view::npos) end_line(out);
    if (end == std::string_view::npos) return;
    skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
}

void OutputLines::add(std::string_view part) {
  if (skipping_) return spend(static_cast<double>(part.size()) / kBytesPerUnit);
  // One byte more than allowed tells that it is too long.
  line_.append(part.substr(0, kMaxLine + 1 - line_.size()));
}

void OutputLines::end_line(std::vector<std::string>& out) {
  if (skipping_) return;
  skipping_ = line_.size() > kMaxLine;
  if (skipping_) {
    line_.resize(kMaxLine);
    emit(escaped(line_) + fmt::format(" [cut after {} bytes]", kMaxLine), out);
  } else {
    if (line_.ends_with('\r')) line_.pop_back();
    emit(escaped(line_), out);
  }
  line_.clear();
  if (line_.capacity() > kBytesPerUnit) line_.shrink_to_fit();
}

void OutputLines::emit(std::string_view line, std::vector<std::string>& out) {
  std::size_t kept = std::min(line.size(), kMaxLastLine);
  while (continues(line, kept)) --kept;
  last_.emplace_back(line.substr(0, kept));
  if (kept < line.size()) last_.back() += "…";
  if (last_.size() > kLastLines) last_.pop_front();
  if (exhausted()) {
    ++dropped_;
    return;
  }
  const std::size_t cost = 1 + line.size() / kBytesPerUnit;
  spend(static_cast<double>(cost));
  if (has_dropped()) say_dropped(out);
  out.emplace_back(line);
}

void OutputLines::say_dropped(std::vector<std::string>& out) {
  if (dropped_ == 0) return;
  out.push_back(fmt::format("[{} lines dropped: more than {:.0f} a second]", dropped_, kPerSecond));
  dropped_ = 0;
}

void OutputLines::finish(Instant now, std::vector<std::string>& out) {
  refill(now);
  if (!line_.empty()) end_line(out);
  say_dropped(out);
}

}  // namespace prefork

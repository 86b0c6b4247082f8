#include "supervisor/workers/output_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "proto/utf8.h"
#include "supervisor/loop/escape.h"

namespace prefork {
namespace {

constexpr std::size_t kBytesPerUnit = 256;

}  // namespace

void OutputLines::refill(Instant now) {
  const double seconds = std::chrono::duration<double>(now - refilled_at_).count();
  budget_ = std::min(kBurst, budget_ + std::max(seconds, 0.0) * kPerSecond);
  refilled_at_ = now;
  // Not line by line: each logged line would be followed by another count of dropped lines.
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
    if (line_.size() > max_line_ || end != std::string_view::npos) end_line(out);
    if (end == std::string_view::npos) return;
    skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
}

void OutputLines::add(std::string_view part) {
  if (skipping_) return spend(static_cast<double>(part.size()) / kBytesPerUnit);
  // One byte more than allowed shows that the line is too long.
  const std::size_t most = max_line_ + 1;
  if (line_.size() < most) line_.append(part.substr(0, most - line_.size()));
}

void OutputLines::end_line(std::vector<std::string>& out) {
  if (skipping_) return;
  skipping_ = line_.size() > max_line_;
  if (skipping_) {
    const std::string_view kept = cut_between_characters(line_, max_line_);
    emit(escape_to_utf8(kept) + fmt::format(" [cut after {} bytes]", kept.size()), out);
  } else {
    if (line_.ends_with('\r')) line_.pop_back();
    emit(escape_to_utf8(line_), out);
  }
  line_.clear();
  if (line_.capacity() > kBytesPerUnit) line_.shrink_to_fit();
}

void OutputLines::emit(std::string_view line, std::vector<std::string>& out) {
  const std::string_view kept = cut_between_characters(line, kMaxLastLine);
  last_.emplace_back(kept);
  if (kept.size() < line.size()) last_.back() += "…";
  if (last_.size() > kLastLines) last_.pop_front();
  if (exhausted()) {
    ++dropped_;
    return;
  }
  const std::size_t cost = 1 + line.size() / kBytesPerUnit;
  spend(static_cast<double>(cost));
  if (has_dropped()) report_dropped(out);
  out.emplace_back(line);
}

void OutputLines::report_dropped(std::vector<std::string>& out) {
  if (dropped_ == 0) return;
  out.push_back(fmt::format("[{} lines dropped: more than {:.0f} a second]", dropped_, kPerSecond));
  dropped_ = 0;
}

void OutputLines::finish(Instant now, std::vector<std::string>& out) {
  refill(now);
  if (!line_.empty()) end_line(out);
  report_dropped(out);
}

}  // namespace prefork

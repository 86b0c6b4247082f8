#include "supervisor/workers/output_lines.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "proto/counted.h"
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

bool OutputLines::exhausted_at(Instant now) {
  refill(now);
  return exhausted_;
}

void OutputLines::exhaust(Instant now) {
  refill(now);
  budget_ = 0;
  exhausted_ = crowded_ = true;
}

void OutputLines::feed(std::string_view bytes, Instant now, std::vector<std::string>& out) {
  refill(now);
  while (!bytes.empty()) {
    if (exhausted_) return drop(bytes);
    const std::size_t end = bytes.find('\n');
    add(bytes.substr(0, end));
    if (line_.size() > max_line_ || end != std::string_view::npos) end_line(out);
    if (end == std::string_view::npos) return;
    skipping_ = false;
    bytes.remove_prefix(end + 1);
  }
}

void OutputLines::drop(std::string_view bytes) {
  std::vector<std::string> none;
  const std::size_t first = bytes.find('\n');
  add(bytes.substr(0, first));
  if (line_.size() > max_line_ || first != std::string_view::npos) end_line(none);
  if (first == std::string_view::npos) return;
  skipping_ = false;
  bytes.remove_prefix(first + 1);
  // Of the lines in between only the last ones are looked at.
  const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
  dropped_ += lines;
  std::size_t begin = bytes.rfind('\n') + 1;  // of the line that has not ended; 0 when no line has
  const std::string_view rest = bytes.substr(begin);
  std::vector<std::string_view> ended;
  while (ended.size() < std::min(lines, kLastLines)) {
    const std::size_t end = begin - 1;
    begin = end == 0 ? 0 : bytes.rfind('\n', end - 1) + 1;
    ended.push_back(bytes.substr(begin, end - begin));
  }
  for (auto line = ended.rbegin(); line != ended.rend(); ++line)
    remember(line->ends_with('\r') ? line->substr(0, line->size() - 1) : *line, /*logged=*/false);
  add(rest);
  if (line_.size() > max_line_) end_line(none);
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
    line_.resize(cut_between_characters(line_, max_line_).size());
  } else if (line_.ends_with('\r')) {
    line_.pop_back();
  }
  remember(line_, !exhausted_);
  if (exhausted_) {
    ++dropped_;
  } else {
    log_line(out);
  }
  line_.clear();
  if (line_.capacity() > kBytesPerUnit) line_.shrink_to_fit();
}

void OutputLines::log_line(std::vector<std::string>& out) {
  std::string text = escape_to_utf8(line_);
  spend(static_cast<double>(1 + text.size() / kBytesPerUnit));
  report_dropped(out);
  if (skipping_) text += fmt::format(" [cut after {} bytes]", line_.size());
  out.push_back(std::move(text));
}

void OutputLines::remember(std::string_view line, bool logged) {
  const std::string_view kept = cut_between_characters(line, kMaxLastLine);
  last_.push_back({std::string(kept), kept.size() < line.size(), logged});
  if (last_.size() > kLastLines) last_.pop_front();
}

std::vector<std::string> OutputLines::last() const {
  std::vector<std::string> lines;
  for (const Line& line : last_) lines.push_back(shown(line));
  return lines;
}

std::vector<std::string> OutputLines::last_dropped() const {
  std::vector<std::string> lines;
  for (const Line& line : last_) {
    if (!line.logged) lines.push_back(shown(line));
  }
  return lines;
}

std::string OutputLines::shown(const Line& line) {
  const std::string text = escape_to_utf8(line.text);
  const std::string_view kept = cut_between_characters(text, kMaxLastLine);
  return std::string(kept) + (line.cut || kept.size() < text.size() ? "…" : "");
}

void OutputLines::report_dropped(std::vector<std::string>& out) {
  if (dropped_ == 0) return;
  out.push_back(
      crowded_
          ? fmt::format("[{} dropped: too many workers ended at once]", counted(dropped_, "line"))
          : fmt::format("[{} dropped: more than {:.0f} a second]", counted(dropped_, "line"), kPerSecond));
  dropped_ = 0;
  crowded_ = false;
}

void OutputLines::finish(Instant now, std::vector<std::string>& out) {
  refill(now);
  if (!line_.empty()) end_line(out);
  report_dropped(out);
}

}  // namespace prefork

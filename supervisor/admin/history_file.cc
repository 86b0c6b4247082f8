#include "supervisor/admin/history_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace prefork {
namespace {

/// What is read of a half at a time: most are far smaller than their room.
constexpr std::size_t kPiece = std::size_t{256} << 10;

bool write_at(int file, std::string_view text, std::size_t at) {
  while (!text.empty()) {
    const ssize_t written = ::pwrite(file, text.data(), text.size(), static_cast<off_t>(at));
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
    at += static_cast<std::size_t>(written);
  }
  return true;
}

/// From `begin` to the first zero byte, at most `room` bytes: what was never written is zero.
std::string written_text(int file, std::size_t begin, std::size_t room) {
  std::string text;
  while (text.size() < room) {
    const std::size_t before = text.size();
    text.resize(std::min(room, before + kPiece));
    const ssize_t got =
        ::pread(file, text.data() + before, text.size() - before, static_cast<off_t>(begin + before));
    text.resize(before + (got > 0 ? static_cast<std::size_t>(got) : 0));
    if (const std::size_t zero = text.find('\0', before); zero != std::string::npos) text.resize(zero);
    if (text.size() < before + kPiece) break;
  }
  return text;
}

/// A second is [time, {POOL: [figure, …]}]. What is deeper is dropped at once: a text of many brackets would
/// take 64 times its size in memory.
bool is_flat(int depth, Json::parse_event_t event, Json& /*parsed*/) {
  constexpr int kDeepest = 3;
  return depth < kDeepest || event == Json::parse_event_t::value;
}

struct Line {
  std::uint64_t turn = 0;
  Json second;
};

/// "TURN JSON"
std::optional<Line> read_line(std::string_view text) {
  Line line;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), line.turn);
  const auto digits = static_cast<std::size_t>(end - text.data());
  if (error != std::errc() || line.turn == 0 || digits == text.size() || *end != ' ') return std::nullopt;
  line.second = Json::parse(text.substr(digits + 1), is_flat, /*allow_exceptions=*/false);
  return line.second.is_discarded() ? std::nullopt : std::optional(std::move(line));
}

}  // namespace

std::vector<Json> HistoryFile::open(Fd file) {
  struct stat found {};
  file_ = std::move(file);
  room_ = ::fstat(file_.get(), &found) == 0 ? static_cast<std::size_t>(found.st_size) / 2 : 0;
  halves_ = {Half{}, Half{room_}};
  std::vector<Json> first;
  std::vector<Json> second;
  read(halves_[0], first);
  read(halves_[1], second);
  current_ = halves_[1].turn > halves_[0].turn ? 1 : 0;
  if (current_ == 0) first.swap(second);
  std::move(second.begin(), second.end(), std::back_inserter(first));
  return first;
}

void HistoryFile::read(Half& half, std::vector<Json>& seconds) const {
  const std::string text = written_text(file_.get(), half.begin, room_);
  while (half.lines < kLines) {
    const std::size_t end = text.find('\n', half.size);
    if (end == std::string::npos) return;
    auto line = read_line(std::string_view(text).substr(half.size, end - half.size));
    if (!line || (half.turn != 0 && line->turn != half.turn)) return;
    half.turn = line->turn;
    half.size = end + 1;
    ++half.lines;
    seconds.push_back(std::move(line->second));
  }
}

bool HistoryFile::add(const Json& second) {
  constexpr std::size_t kLongestTurn = 20;
  const std::string text = ' ' + line_of(second) + '\n';
  Half* half = &halves_[current_];
  if (half->lines >= kLines || half->size + kLongestTurn + text.size() > room_) {
    const std::uint64_t turn = half->turn + 1;
    current_ = 1 - current_;
    half = &halves_[current_];
    *half = Half{half->begin, turn};
  }
  half->turn = std::max<std::uint64_t>(1, half->turn);
  const std::string line = std::to_string(half->turn) + text;
  if (line.size() > room_ || !write_at(file_.get(), line, half->begin + half->size)) return false;
  half->size += line.size();
  ++half->lines;
  return true;
}

}  // namespace prefork

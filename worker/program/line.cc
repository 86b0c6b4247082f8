#include "worker/program/line.h"

#include <time.h>
#include <unistd.h>

#include <array>
#include <string>
#include <thread>

#include "proto/digits.h"
#include "worker/program/stream.h"

namespace prefork::worker {
namespace {

constexpr std::chrono::microseconds kMaxTime = std::chrono::seconds(60);
constexpr std::string_view kUsage = "ERR send 'W <us>' to work or 'S <us>' to sleep, at most 60000000\n";

std::chrono::nanoseconds cpu_time() {
  timespec used{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

void work(std::chrono::microseconds time) {
  const std::chrono::nanoseconds end = cpu_time() + time;
  while (cpu_time() < end) {
  }
}

/// The first line, without its end. Of a line that is too long, as much as `buffer` holds.
std::optional<std::string_view> receive_line(int socket, std::span<char> buffer) {
  std::size_t size = 0;
  while (size < buffer.size()) {
    const std::size_t more = receive_some(socket, buffer.subspan(size));
    if (more == 0) return std::nullopt;
    size += more;
    std::string_view line(buffer.data(), size);
    if (const std::size_t end = line.find('\n'); end != std::string_view::npos) {
      line = line.substr(0, end);
      if (line.ends_with('\r')) line.remove_suffix(1);
      return line;
    }
  }
  return std::string_view(buffer.data(), size);
}

}  // namespace

std::optional<LineRequest> parse_line_request(std::string_view line) {
  if (line.size() < 3 || line[1] != ' ' || (line[0] != 'W' && line[0] != 'S')) return std::nullopt;
  const auto time = parse_digits<std::uint32_t>(line.substr(2));
  if (!time) return std::nullopt;
  const LineRequest request{line[0] == 'W' ? LineRequest::Kind::kWork : LineRequest::Kind::kSleep,
                            std::chrono::microseconds(*time)};
  if (request.time > kMaxTime) return std::nullopt;
  return request;
}

void line(int socket) {
  std::array<char, 64> buffer;
  const std::optional<std::string_view> text = receive_line(socket, buffer);
  if (!text) return;
  const std::optional<LineRequest> request = parse_line_request(*text);
  if (!request) {
    (void)send_all(socket, kUsage);
    return;
  }
  switch (request->kind) {
    case LineRequest::Kind::kWork: work(request->time); break;
    case LineRequest::Kind::kSleep: std::this_thread::sleep_for(request->time); break;
  }
  (void)send_all(socket, "OK " + std::to_string(::getpid()) + "\n");
}

}  // namespace prefork::worker

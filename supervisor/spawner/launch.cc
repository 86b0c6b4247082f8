#include "supervisor/spawner/launch.h"

#include <algorithm>
#include <cstring>
#include <system_error>

namespace prefork {
namespace {

class Writer {
 public:
  void number(std::uint64_t value) {
    const auto* bytes = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), bytes, bytes + sizeof(value));
  }
  void text(std::string_view value) {
    number(value.size());
    const auto* bytes = reinterpret_cast<const std::byte*>(value.data());
    bytes_.insert(bytes_.end(), bytes, bytes + value.size());
  }
  void texts(const std::vector<std::string>& values) {
    number(values.size());
    for (const std::string& value : values) text(value);
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  std::vector<std::byte> bytes_;
};

class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}
  std::uint64_t number() {
    std::uint64_t value = 0;
    if (rest_.size() < sizeof(value)) return fail();
    std::memcpy(&value, rest_.data(), sizeof(value));
    rest_ = rest_.subspan(sizeof(value));
    return value;
  }
  std::string text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) return fail(), std::string();
    std::string value(reinterpret_cast<const char*>(rest_.data()), size);
    rest_ = rest_.subspan(size);
    return value;
  }
  std::vector<std::string> texts() {
    std::vector<std::string> values;
    const std::uint64_t count = number();
    for (std::uint64_t i = 0; i < count && ok_; ++i) values.push_back(text());
    return values;
  }
  [[nodiscard]] bool complete() const { return ok_ && rest_.empty(); }

 private:
  std::uint64_t fail() {
    ok_ = false;
    rest_ = {};
    return 0;
  }
  std::span<const std::byte> rest_;
  bool ok_ = true;
};

std::string_view to_string(LaunchStep step) {
  switch (step) {
    case LaunchStep::kNone: return "start";
    case LaunchStep::kClone: return "create a process";
    case LaunchStep::kRequest: return "read the request";
    case LaunchStep::kSession: return "start a session";
    case LaunchStep::kScheduling: return "set the scheduling policy";
    case LaunchStep::kDirectory: return "change to directory";
    case LaunchStep::kDescriptors: return "set up descriptors 0 to 3";
    case LaunchStep::kExec: return "exec";
  }
  return "start";
}

}  // namespace

std::vector<std::byte> encode_request(const LaunchKey& key, const Launch& launch) {
  Writer writer;
  writer.number(key.pool);
  writer.number(key.worker);
  writer.text(launch.executable);
  writer.texts(launch.argv);
  writer.texts(launch.environment);
  writer.text(launch.directory);
  writer.number(launch.batch ? 1 : 0);
  return writer.take();
}

std::optional<LaunchRequest> decode_request(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  LaunchRequest request;
  request.key.pool = reader.number();
  request.key.worker = reader.number();
  request.launch.executable = reader.text();
  request.launch.argv = reader.texts();
  request.launch.environment = reader.texts();
  request.launch.directory = reader.text();
  request.launch.batch = reader.number() != 0;
  if (!reader.complete()) return std::nullopt;
  return request;
}

std::string describe_failure(const LaunchReply& reply, const Launch& launch) {
  std::string text(to_string(reply.step));
  if (reply.step == LaunchStep::kExec) text += " " + launch.executable;
  if (reply.step == LaunchStep::kDirectory) text += " " + launch.directory;
  return text + ": " + std::error_code(reply.error, std::system_category()).message();
}

}  // namespace prefork

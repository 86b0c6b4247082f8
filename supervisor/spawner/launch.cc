#include "supervisor/spawner/launch.h"

#include <cerrno>
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
  template <typename Number>
  void optional(const std::optional<Number>& value) {
    number(value ? 1 : 0);
    if (value) number(static_cast<std::uint64_t>(*value));
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
  template <typename Number>
  std::optional<Number> optional() {
    if (number() == 0) return std::nullopt;
    return static_cast<Number>(number());
  }
  /// The number of elements that follow: at most as many as the remaining bytes can hold.
  std::uint64_t count() {
    const std::uint64_t value = number();
    return value <= rest_.size() / sizeof(std::uint64_t) ? value : fail();
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

void write(Writer& writer, const LaunchIdentity& identity) {
  writer.text(identity.name);
  writer.number(identity.uid);
  writer.number(identity.gid);
  writer.number(identity.groups.size());
  for (const std::uint32_t group : identity.groups) writer.number(group);
}

LaunchIdentity read_identity(Reader& reader) {
  LaunchIdentity identity;
  identity.name = reader.text();
  identity.uid = static_cast<std::uint32_t>(reader.number());
  identity.gid = static_cast<std::uint32_t>(reader.number());
  identity.groups.resize(reader.count());
  for (std::uint32_t& group : identity.groups) group = static_cast<std::uint32_t>(reader.number());
  return identity;
}

void write(Writer& writer, const LaunchPin& pin, std::uint32_t format) {
  writer.text(pin.executable);
  writer.text(pin.directory);
  for (const std::uint64_t value : {pin.device, pin.inode, pin.size}) writer.number(value);
  writer.number(static_cast<std::uint64_t>(pin.modified));
  if (format == kPathLaunchFormat) return;
  for (const std::uint64_t value : {pin.directory_device, pin.directory_inode}) writer.number(value);
}

LaunchPin read_pin(Reader& reader) {
  LaunchPin pin;
  pin.executable = reader.text();
  pin.directory = reader.text();
  for (std::uint64_t* value : {&pin.device, &pin.inode, &pin.size}) *value = reader.number();
  pin.modified = static_cast<std::int64_t>(reader.number());
  if (reader.complete()) return pin;  // kPathLaunchFormat
  for (std::uint64_t* value : {&pin.directory_device, &pin.directory_inode}) *value = reader.number();
  return pin;
}

void write_wire(Writer& writer, const Launch& launch) {
  writer.number(static_cast<std::uint64_t>(launch.wire));
  writer.optional(launch.idle_value);
  writer.number(launch.notified ? 1 : 0);
}

bool read_wire(Reader& reader, Launch& launch) {
  const std::uint64_t wire = reader.number();
  if (wire > static_cast<std::uint64_t>(Wire::kNode)) return false;
  launch.wire = static_cast<Wire>(wire);
  launch.idle_value = reader.optional<std::int32_t>();
  launch.notified = reader.number() != 0;
  return true;
}

void write(Writer& writer, const LaunchLimit& limit) {
  writer.number(static_cast<std::uint64_t>(limit.resource));
  writer.text(limit.name);
  writer.number(limit.soft);
  writer.number(limit.hard);
}

LaunchLimit read_limit(Reader& reader) {
  LaunchLimit limit;
  limit.resource = static_cast<std::int32_t>(reader.number());
  limit.name = reader.text();
  limit.soft = reader.number();
  limit.hard = reader.number();
  return limit;
}

std::string_view to_string(LaunchStep step) {
  switch (step) {
    case LaunchStep::kNone: return "start";
    case LaunchStep::kClone: return "create a process";
    case LaunchStep::kRequest: return "read the request";
    case LaunchStep::kRefused: return "start as root, which the supervisor has given up";
    case LaunchStep::kSession: return "start a session";
    case LaunchStep::kOomScore: return "set oom_score_adj to";
    case LaunchStep::kNice: return "set nice to";
    case LaunchStep::kScheduling: return "set the scheduling policy";
    case LaunchStep::kDescriptors: return "set up descriptors 0 to 3";
    case LaunchStep::kLimit: return "set the limit";
    case LaunchStep::kGroups: return "take on the groups of user";
    case LaunchStep::kGroup: return "take on the group of user";
    case LaunchStep::kUser: return "become user";
    case LaunchStep::kNoNewPrivileges: return "renounce new privileges";
    case LaunchStep::kDirectory: return "change to directory";
    case LaunchStep::kOtherDirectory: return "find the same directory at";
    case LaunchStep::kOtherFile: return "find the same program at";
    case LaunchStep::kNotifier: return "start the notifier of protocol accept-notify";
    case LaunchStep::kExec: return "exec";
  }
  return "start";
}

/// The object of the step.
std::string object_of(const LaunchReply& reply, const Launch& launch) {
  const auto limit = static_cast<std::size_t>(reply.detail);
  switch (reply.step) {
    case LaunchStep::kOtherFile:
    case LaunchStep::kExec: return launch.executable;
    case LaunchStep::kOtherDirectory:
    case LaunchStep::kDirectory: return launch.directory;
    case LaunchStep::kOomScore: return std::to_string(launch.oom_score_adj.value_or(0));
    case LaunchStep::kNice: return std::to_string(launch.nice.value_or(0));
    case LaunchStep::kLimit: return limit < launch.limits.size() ? launch.limits[limit].name : "";
    case LaunchStep::kGroups:
    case LaunchStep::kGroup:
    case LaunchStep::kUser: return launch.identity ? launch.identity->name : "";
    case LaunchStep::kNone:
    case LaunchStep::kClone:
    case LaunchStep::kRequest:
    case LaunchStep::kRefused:
    case LaunchStep::kSession:
    case LaunchStep::kScheduling:
    case LaunchStep::kDescriptors:
    case LaunchStep::kNoNewPrivileges:
    case LaunchStep::kNotifier: return "";
  }
  return "";
}

}  // namespace

bool same_start(Launch a, const Launch& b) {
  const LaunchPin& known = b.pin;
  if (a.pin.executable.empty() || known.executable.empty()) {
    a.pin.executable = known.executable;
    a.pin.device = known.device, a.pin.inode = known.inode, a.pin.size = known.size;
    a.pin.modified = known.modified;
  }
  if (a.pin.directory.empty() || known.directory.empty()) a.pin.directory = known.directory;
  if (a.pin.directory_inode == 0 || known.directory_inode == 0) {
    a.pin.directory_device = known.directory_device;
    a.pin.directory_inode = known.directory_inode;
  }
  if (a.pin.directory_born == 0 || known.directory_born == 0) a.pin.directory_born = known.directory_born;
  return a == b;
}

std::vector<std::byte> encode_request(const LaunchKey& key, const Launch& launch, std::uint32_t format) {
  Writer writer;
  writer.number(key.pool);
  writer.number(key.worker);
  writer.text(launch.executable);
  writer.texts(launch.argv);
  writer.texts(launch.environment);
  writer.text(launch.directory);
  writer.number(launch.batch ? 1 : 0);
  writer.number(launch.identity ? 1 : 0);
  if (launch.identity) write(writer, *launch.identity);
  writer.optional(launch.umask);
  writer.optional(launch.nice);
  writer.optional(launch.oom_score_adj);
  writer.number(launch.limits.size());
  for (const LaunchLimit& limit : launch.limits) write(writer, limit);
  writer.number(launch.batch_is_default ? 1 : 0);
  writer.number(launch.oom_score_is_default ? 1 : 0);
  writer.number(launch.captured ? 1 : 0);
  if (format != kUnpinnedLaunchFormat) write(writer, launch.pin, format);
  const bool born = format == kLaunchFormat;
  if (born || launch.wire != Wire::kNative || launch.notified) write_wire(writer, launch);
  if (born) writer.number(static_cast<std::uint64_t>(launch.pin.directory_born));
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
  if (reader.number() != 0) request.launch.identity = read_identity(reader);
  request.launch.umask = reader.optional<std::uint32_t>();
  request.launch.nice = reader.optional<std::int32_t>();
  request.launch.oom_score_adj = reader.optional<std::int32_t>();
  request.launch.limits.resize(reader.count());
  for (LaunchLimit& limit : request.launch.limits) limit = read_limit(reader);
  request.launch.batch_is_default = reader.number() != 0;
  request.launch.oom_score_is_default = reader.number() != 0;
  request.launch.captured = reader.number() != 0;
  if (!reader.complete()) request.launch.pin = read_pin(reader);
  if (!reader.complete() && !read_wire(reader, request.launch)) return std::nullopt;
  if (!reader.complete()) request.launch.pin.directory_born = static_cast<std::int64_t>(reader.number());
  if (!reader.complete()) return std::nullopt;
  return request;
}

std::string describe_lack(const LaunchReply& reply) {
  const std::string why = std::error_code(reply.error, std::system_category()).message();
  if (reply.step == LaunchStep::kScheduling) {
    return "workers are scheduled like the supervisor, as with \"scheduling\": \"normal\": SCHED_BATCH: " +
           why;
  }
  return "workers keep the supervisor's own oom_score_adj, so when memory runs out the kernel may kill the "
         "supervisor instead of one of them: " +
         why;
}

std::string describe_failure(const LaunchReply& reply, const Launch& launch) {
  std::string text(to_string(reply.step));
  if (const std::string object = object_of(reply, launch); !object.empty()) text += ' ' + object;
  text += ": " + std::error_code(reply.error, std::system_category()).message();
  // The kernel checks RLIMIT_NPROC at exec, and reports it as EAGAIN.
  if (reply.step == LaunchStep::kExec && reply.error == EAGAIN)
    text += " (the user has as many processes as its limit nproc allows)";
  if (reply.step == LaunchStep::kRequest && reply.error == EPROTO) {
    text +=
        " (the spawner is of an earlier version and does not know what this pool wants: restart the "
        "supervisor)";
  }
  return text;
}

}  // namespace prefork

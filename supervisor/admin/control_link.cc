#include "supervisor/admin/control_link.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "supervisor/admin/link_message.h"

namespace prefork {
namespace {

/// 16 listening sockets, and the file of the history.
constexpr std::size_t kMaxDescriptors = 17;
/// Of what is read in one turn: other connections have their turn, too.
constexpr int kReadsInATurn = 16;

}  // namespace

void ControlLink::open(Fd socket) {
  boost::system::error_code error;
  (void)fcntl(socket.get(), F_SETFL, fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  socket_.assign(asio::generic::stream_protocol(AF_UNIX, 0), socket.get(), error);
  if (error) return listener_.link_ended(LinkEnd::kBroken, error.message());
  (void)socket.release();
  input_.clear();
  searched_ = 0;
  read_when_ready();
}

void ControlLink::call(const char* method, Json parameters, OnReply on_reply) {
  if (!is_open()) return on_reply({{}, Reply::kNoAnswer, "there is no connection to the supervisor"});
  // A status is asked for all clients together: what some of them do cannot keep it from the others.
  if (pending_.size() >= kMaxRequests && method != std::string_view("status"))
    return on_reply({{}, Reply::kNoAnswer, "the supervisor does not answer"});
  const Json request = {
      {"jsonrpc", "2.0"}, {"id", ++last_id_}, {"method", method}, {"params", std::move(parameters)}};
  pending_.push_back({last_id_, std::move(on_reply)});
  output_ += line_of(request) + '\n';
  if (!writing_) write();
}

void ControlLink::write() {
  writing_ = true;
  const ssize_t sent =
      send(socket_.native_handle(), output_.data(), output_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  // An error other than EAGAIN is seen by the next read, too.
  if (sent > 0) output_.erase(0, static_cast<std::size_t>(sent));
  if (output_.empty() || (sent < 0 && errno != EAGAIN && errno != EINTR)) {
    writing_ = false;
    return;
  }
  socket_.async_wait(Stream::wait_write, [this](boost::system::error_code error) {
    if (!error) write();
  });
}

void ControlLink::read_when_ready() {
  socket_.async_wait(Stream::wait_read, [this](boost::system::error_code error) {
    if (!error) read();
  });
}

void ControlLink::read() {
  for (int reads = 0; reads < kReadsInATurn && is_open(); ++reads) {
    if (!receive()) break;
  }
  if (is_open()) read_when_ready();
}

bool ControlLink::receive() {
  std::array<char, 65536> piece;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by the kernel
  LinkMessage message = receive_link_message(socket_.native_handle(), piece, kMaxDescriptors);
  if (message.size < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    // It has closed its end before it has read everything.
    end(errno == ECONNRESET ? LinkEnd::kClosed : LinkEnd::kBroken, std::strerror(errno));
    return false;
  }
  if (message.size == 0) {
    end(LinkEnd::kClosed, "the supervisor has ended the connection");
    return false;
  }
  for (Fd& socket : message.descriptors) {
    if (received_.size() < kMaxDescriptors) received_.push_back(std::move(socket));
  }
  input_.append(piece.data(), static_cast<std::size_t>(message.size));
  take_lines();
  return true;
}

void ControlLink::take_lines() {
  std::size_t begin = 0;
  while (is_open()) {
    const std::size_t end_of_line = input_.find('\n', std::max(begin, searched_));
    if (end_of_line == std::string::npos) break;
    take(std::string_view(input_).substr(begin, end_of_line - begin));
    begin = end_of_line + 1;
  }
  input_.erase(0, begin);
  searched_ = input_.size();
  if (input_.empty() && input_.capacity() > (std::size_t{1} << 20)) input_ = {};
  if (input_.size() > kMaxLine) end(LinkEnd::kBroken, "the supervisor has sent a line that is too long");
}

void ControlLink::take(std::string_view line) {
  const Json read = Json::parse(line, nullptr, false);
  const std::string method = text(read, "method");
  if (method == "event" && member(read, "params").is_object()) {
    listener_.event_came(member(read, "params"));
  } else if (method == "listen" && member(read, "params").is_object()) {
    take_listen(member(read, "params"));
  } else if (const auto asked = find_pending(read); method.empty() && asked != pending_.end()) {
    const OnReply on_reply = std::move(asked->on_reply);
    pending_.erase(asked);
    take_answer(read, on_reply);
  } else if (method.empty() && member(read, "error").is_object()) {
    end(LinkEnd::kBroken, text(member(read, "error"), "message"));  // as "64 clients are connected"
  } else {
    end(LinkEnd::kBroken, "the supervisor has sent what is not of its protocol");
  }
}

std::deque<ControlLink::Pending>::iterator ControlLink::find_pending(const Json& line) {
  return std::find_if(pending_.begin(), pending_.end(),
                      [&](const Pending& one) { return member(line, "id") == one.id; });
}

void ControlLink::take_answer(const Json& line, const OnReply& on_reply) {
  const Json& error = member(line, "error");
  if (!error.is_object()) return on_reply({member(line, "result"), 0, ""});
  std::string words = text(error, "message");
  if (words.empty()) words = "refused";
  on_reply({{}, static_cast<int>(number(error, "code")), std::move(words)});
}

void ControlLink::take_listen(const Json& order) {
  listener_.listen_came(order, std::exchange(received_, {}));
}

void ControlLink::end(LinkEnd how, const std::string& why) {
  boost::system::error_code ignored;
  socket_.close(ignored);
  output_.clear();
  received_.clear();
  writing_ = false;
  for (const Pending& pending : std::exchange(pending_, {}))
    pending.on_reply({{}, Reply::kNoAnswer, "the connection to the supervisor has ended"});
  listener_.link_ended(how, why);
}

}  // namespace prefork

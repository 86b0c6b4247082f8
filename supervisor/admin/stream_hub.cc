#include "supervisor/admin/stream_hub.h"

namespace prefork {

std::string stream_message(const char* name, std::uint64_t id, const std::string& data) {
  return std::string("event: ") + name + '\n' + (id == 0 ? "" : "id: " + std::to_string(id) + '\n') +
         "data: " + data + "\n\n";
}

void StreamHub::forget_closed() {
  std::erase_if(streams_, [](const std::weak_ptr<HttpConnection>& one) {
    const auto connection = one.lock();
    return !connection || !connection->is_open();
  });
}

bool StreamHub::full() {
  forget_closed();
  return streams_.size() >= kMaxStreams;
}

void StreamHub::add(const std::shared_ptr<HttpConnection>& connection, std::uint64_t since,
                    const SharedText& first, EventStore& events) {
  connection->begin_stream();
  connection->stream(shared_text("retry: 1000\n\n"));
  if (first) connection->stream(first);
  events.expire(std::chrono::system_clock::now());
  const std::uint64_t after = events.valid_since(since);
  std::string stored;
  for (const EventStore::Event& event : events.events()) {
    if (event.seq > after) stored += *event.message;
  }
  if (!stored.empty()) connection->stream(shared_text(std::move(stored)));
  streams_.push_back(connection);
}

void StreamHub::send(const SharedText& message) {
  for (const std::weak_ptr<HttpConnection>& one : streams_) {
    if (const auto connection = one.lock()) connection->stream(message);
  }
}

void StreamHub::tick() {
  forget_closed();
  if (++seconds_ < kCommentEach.count()) return;
  seconds_ = 0;
  send(shared_text(": alive\n\n"));
}

}  // namespace prefork

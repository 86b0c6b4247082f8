#include "supervisor/admin/stream_hub.h"

#include <algorithm>
#include <map>
#include <utility>

namespace prefork {

std::string stream_message(const char* name, std::uint64_t id, const std::string& data) {
  return std::string("event: ") + name + '\n' + (id == 0 ? "" : "id: " + std::to_string(id) + '\n') +
         "data: " + data + "\n\n";
}

void StreamHub::forget_closed() {
  std::erase_if(pages_, [](const Page& one) {
    const auto connection = one.connection.lock();
    return !connection || !connection->is_open();
  });
}

void StreamHub::make_room() {
  forget_closed();
  while (pages_.size() >= kMaxStreams) {
    std::map<std::string, std::size_t> of_host;
    for (const Page& one : pages_) ++of_host[one.host];
    const auto oldest_of_most =
        std::max_element(pages_.begin(), pages_.end(),
                         [&](const Page& a, const Page& b) { return of_host[a.host] < of_host[b.host]; });
    if (const auto connection = oldest_of_most->connection.lock()) {
      // The page does not come back by itself, which would end another one.
      connection->stream(shared_text(stream_message("replaced", 0, R"({"text":"too many pages watch"})")));
      connection->close();
    }
    pages_.erase(oldest_of_most);
  }
}

void StreamHub::add(const std::shared_ptr<HttpConnection>& connection, std::uint64_t since,
                    const SharedText& first, EventStore& events) {
  make_room();
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
  pages_.push_back({connection, connection->client().substr(0, connection->client().rfind(':'))});
}

void StreamHub::send(const SharedText& message) {
  for (const Page& one : pages_) {
    if (const auto connection = one.connection.lock()) connection->stream(message);
  }
}

bool StreamHub::has_unsent() const {
  return std::any_of(pages_.begin(), pages_.end(), [](const Page& one) {
    const auto connection = one.connection.lock();
    return connection && connection->is_open() && connection->has_unsent();
  });
}

void StreamHub::tick() {
  forget_closed();
  if (++seconds_ < kCommentEach.count()) return;
  seconds_ = 0;
  send(shared_text(": alive\n\n"));
}

}  // namespace prefork

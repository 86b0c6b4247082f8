// The pages that watch: each gets the status and the figures of each second, and the events (server-sent
// events, WHATWG HTML, 9.2). All get the same texts. For a page too many another one ends: the oldest of the
// address that has the most, so that no address can keep the others out.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "supervisor/admin/event_store.h"
#include "supervisor/admin/http_connection.h"
#include "supervisor/admin/json_read.h"

namespace prefork {

/// "event: NAME", "id: ID" unless 0, "data: DATA". `data` has no newline.
[[nodiscard]] std::string stream_message(const char* name, std::uint64_t id, const std::string& data);

class StreamHub {
 public:
  static constexpr std::size_t kMaxStreams = 100;
  static constexpr std::chrono::seconds kCommentEach{15};

  /// Begins with `first`, a status or nothing, then the stored events after `since`.
  void add(const std::shared_ptr<HttpConnection>& connection, std::uint64_t since, const SharedText& first,
           EventStore& events);
  void send(const SharedText& message);
  /// A page has not been sent everything yet.
  [[nodiscard]] bool has_unsent() const;
  /// Each second: a comment now and then, so that what stands between sees a live connection.
  void tick();

 private:
  struct Page {
    std::weak_ptr<HttpConnection> connection;
    std::string host;
  };

  void forget_closed();
  void make_room();

  std::vector<Page> pages_;  ///< the oldest first
  int seconds_ = 0;
};

}  // namespace prefork

// Answers the requests of the HTTP server: from the page's files, the history, and what the supervisor says.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "supervisor/admin/history.h"
#include "supervisor/admin/http_connection.h"
#include "supervisor/admin/route.h"
#include "supervisor/admin/snapshots.h"
#include "supervisor/admin/stream_hub.h"

namespace prefork {

/// What the supervisor has said, as the answers need it.
struct Knowledge {
  Snapshots& brief;  ///< without workers
  Snapshots& whole;
  History& history;
  EventStore& events;
};

class Answers final : public HttpService {
 public:
  Answers(IoContext& io, ControlLink& link, Knowledge knowledge, StreamHub& streams)
      : io_(io), link_(link), knowledge_(knowledge), streams_(streams) {}

  void use_hosts(std::vector<std::string> hosts) { hosts_ = std::move(hosts); }
  void serve(const Request& request, const std::shared_ptr<HttpConnection>& connection,
             Answer answer) override;

 private:
  void answer(const route::Metrics& wanted, Answer answer);
  void answer(const route::Health& wanted, Answer answer);
  void answer(const route::Status& wanted, Answer answer);
  void answer(const route::Worker& wanted, Answer answer);
  void answer(const route::Action& wanted, Answer answer);
  void answer_later(Response response, Answer answer);
  void begin_stream(const route::EventStream& wanted, const std::shared_ptr<HttpConnection>& connection);
  /// Stable from answer to answer of one supervisor.
  [[nodiscard]] double start_time(const Json& status);

  IoContext& io_;
  ControlLink& link_;
  Knowledge knowledge_;
  StreamHub& streams_;
  std::vector<std::string> hosts_;
  double start_time_ = 0;
};

}  // namespace prefork

// The whole admin process: the link to the supervisor, what it has said, and the servers that tell it on.
#pragma once

#include <string>
#include <vector>

#include "supervisor/admin/admin_options.h"
#include "supervisor/admin/answers.h"
#include "supervisor/admin/asio.h"
#include "supervisor/admin/connection_table.h"
#include "supervisor/admin/control_link.h"
#include "supervisor/admin/event_store.h"
#include "supervisor/admin/history.h"
#include "supervisor/admin/history_file.h"
#include "supervisor/admin/listeners.h"
#include "supervisor/admin/snapshots.h"
#include "supervisor/admin/stream_hub.h"

namespace prefork {

class AdminServer final : private LinkListener {
 public:
  AdminServer(IoContext& io, AdminOptions options);

  /// Binds where it has to bind by itself, and connects.
  [[nodiscard]] Result<void> start();
  /// The exit status, after the loop has ended.
  [[nodiscard]] int status() const { return status_; }

 private:
  void event_came(const Json& event) override;
  void listen_came(const Json& order, std::vector<Fd> descriptors) override;
  void link_ended(LinkEnd how, const std::string& why) override;

  void connect();
  void link_opened();
  void connect_later();
  void sample_each_second();
  void sample();
  void sampled(const SharedSnapshot& snapshot);
  void serve_http(Stream socket, std::string client);
  void serve_agent(Stream socket);
  void keep_history();
  /// When the pages have been told, at `until` at the latest.
  void end_when_told(AdminClock::time_point until);
  void end(int status);

  IoContext& io_;
  AdminOptions options_;
  ControlLink link_;
  Snapshots brief_, whole_;
  History history_;
  HistoryFile history_file_;  ///< of the supervisor; by hand there is none
  EventStore events_;
  StreamHub streams_;
  Answers answers_;
  ConnectionTable connections_, agents_;
  Listeners admin_, agent_;
  Timer sampling_, reconnecting_;
  double supervisor_pid_ = 0;
  bool history_lost_ = false;  ///< it was said that the file cannot be written
  bool gone_ = false;          ///< the pages were told that the supervisor does not answer
  int status_ = 0;
};

}  // namespace prefork

#include "supervisor/admin/connection_table.h"

#include <algorithm>

namespace prefork {

void ConnectionTable::make_room() {
  if (connections_.size() < limit_ || close_oldest_idle()) return;
  const std::shared_ptr<AdminConnection> kept = connections_.front();
  kept->close();
}

bool ConnectionTable::close_oldest_idle() {
  const auto oldest =
      std::find_if(connections_.begin(), connections_.end(), [](const auto& one) { return one->idle(); });
  if (oldest == connections_.end()) return false;
  const std::shared_ptr<AdminConnection> kept = *oldest;
  kept->close();
  return true;
}

void ConnectionTable::add(const std::shared_ptr<AdminConnection>& connection) {
  connection->place_ = connections_.insert(connections_.end(), connection);
  connection->in_table_ = true;
}

void ConnectionTable::touch(AdminConnection& connection) {
  if (connection.in_table_) connections_.splice(connections_.end(), connections_, connection.place_);
}

void ConnectionTable::remove(AdminConnection& connection) {
  if (!connection.in_table_) return;
  connection.in_table_ = false;
  connections_.erase(connection.place_);
}

}  // namespace prefork

// All connections of clients, the one that has been quiet the longest first. When there are too many, it
// closes the oldest without a whole request under way, else the oldest: its client takes the answer slowly.
#pragma once

#include <list>
#include <memory>

namespace prefork {

class AdminConnection : public std::enable_shared_from_this<AdminConnection> {
 public:
  AdminConnection() = default;
  AdminConnection(const AdminConnection&) = delete;
  AdminConnection& operator=(const AdminConnection&) = delete;
  virtual ~AdminConnection() = default;
  /// No request is being answered.
  [[nodiscard]] virtual bool idle() const = 0;
  /// Its operations end, and it removes itself from the table.
  virtual void close() = 0;

 private:
  friend class ConnectionTable;
  std::list<std::shared_ptr<AdminConnection>>::iterator place_;
  bool in_table_ = false;
};

class ConnectionTable {
 public:
  explicit ConnectionTable(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] std::size_t size() const { return connections_.size(); }
  /// Makes room for one more.
  void make_room();
  /// False: none is idle.
  bool close_oldest_idle();
  void add(const std::shared_ptr<AdminConnection>& connection);
  /// It was active just now.
  void touch(AdminConnection& connection);
  void remove(AdminConnection& connection);

  /// Bytes of answers that clients have not taken yet, of all connections together. Without streams.
  std::size_t unsent = 0;

 private:
  std::size_t limit_;
  std::list<std::shared_ptr<AdminConnection>> connections_;
};

}  // namespace prefork

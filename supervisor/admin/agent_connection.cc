#include "supervisor/admin/agent_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>
#include <utility>

#include "supervisor/admin/agent_line.h"

namespace prefork {
namespace {

constexpr std::chrono::seconds kAnswerTime{2};
constexpr std::size_t kMaxDiscarded = 65536;

}  // namespace

AgentConnection::AgentConnection(Stream socket, ConnectionTable& table, Ask ask)
    : socket_(std::move(socket)), timer_(socket_.get_executor()), table_(table), ask_(std::move(ask)) {}

std::shared_ptr<AgentConnection> AgentConnection::self() {
  return std::static_pointer_cast<AgentConnection>(shared_from_this());
}

void AgentConnection::close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  timer_.cancel();
  table_.remove(*this);
}

void AgentConnection::start() {
  timer_.expires_after(kLinePatience);
  timer_.async_wait([me = self()](boost::system::error_code error) {
    if (!error) me->ask();
  });
  read();
}

void AgentConnection::read() {
  socket_.async_read_some(
      asio::buffer(piece_), [me = self()](boost::system::error_code error, std::size_t size) {
        if (me->asked_ || !me->socket_.is_open()) return;
        me->sent_.append(me->piece_.data(), size);
        if (error || me->sent_.size() > kMaxLine || me->sent_.find('\n') != std::string::npos)
          return me->ask();
        me->read();
      });
}

void AgentConnection::ask() {
  if (std::exchange(asked_, true) || !socket_.is_open()) return;
  timer_.expires_after(kAnswerTime);
  timer_.async_wait([me = self()](boost::system::error_code error) {
    if (!error) me->close();
  });
  ask_(agent_pool(sent_.substr(0, kMaxLine)),
       [me = self()](std::string line) { me->write(std::move(line)); });
}

void AgentConnection::write(std::string line) {
  if (!socket_.is_open()) return;
  line_ = std::move(line);
  asio::async_write(socket_, asio::buffer(line_),
                    [me = self()](boost::system::error_code error, std::size_t) {
                      if (error) return me->close();
                      // What is unread at the close would reset the connection.
                      boost::system::error_code ignored;
                      me->socket_.shutdown(Stream::shutdown_send, ignored);
                      me->read_to_end();
                    });
}

void AgentConnection::read_to_end() {
  socket_.async_read_some(asio::buffer(piece_),
                          [me = self()](boost::system::error_code error, std::size_t size) {
                            if (!me->socket_.is_open()) return;
                            me->discarded_ += size;
                            if (error || me->discarded_ > kMaxDiscarded) return me->close();
                            me->read_to_end();
                          });
}

}  // namespace prefork

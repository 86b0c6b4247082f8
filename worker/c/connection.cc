#include "worker/c/connection.h"

#include <chrono>
#include <string_view>

#include "proto/export.h"

using prefork::worker::Connection;

namespace {

/// After it the program has no pointer to the connection any more, unless a handler is running.
void release(prefork_connection* connection) {
  if (connection->own) delete connection;
}

/// A null pointer is no text, whatever its length.
std::string_view text_of(const void* bytes, size_t length) {
  return bytes == nullptr ? std::string_view() : std::string_view(static_cast<const char*>(bytes), length);
}

}  // namespace

extern "C" {

PREFORK_API int prefork_connection_socket(const prefork_connection* connection) {
  return connection->connection->socket();
}

PREFORK_API uint64_t prefork_connection_ticket(const prefork_connection* connection) {
  return connection->connection->ticket();
}

PREFORK_API unsigned prefork_connection_listener(const prefork_connection* connection) {
  return connection->connection->listener();
}

PREFORK_API uint64_t prefork_connection_accepted_ns(const prefork_connection* connection) {
  const std::chrono::nanoseconds time = connection->connection->accepted().time_since_epoch();
  return static_cast<uint64_t>(time.count());
}

PREFORK_API uint64_t prefork_connection_waited_us(const prefork_connection* connection) {
  return static_cast<uint64_t>(connection->connection->waited().count());
}

PREFORK_API const void* prefork_connection_memo(const prefork_connection* connection, size_t* length) {
  const std::string_view memo = connection->connection->memo();
  *length = memo.size();
  return memo.data();
}

PREFORK_API int prefork_connection_copy_kept(const prefork_connection* connection) {
  return connection->connection->copy_kept() ? 1 : 0;
}

PREFORK_API int prefork_connection_proxied(const prefork_connection* connection) {
  return connection->connection->proxied() ? 1 : 0;
}

PREFORK_API void prefork_connection_note(prefork_connection* connection, const char* text, size_t length) {
  try {
    connection->connection->note(text_of(text, length));
  } catch (...) {  // no memory: a note is not worth more
  }
}

PREFORK_API void prefork_connection_progress(prefork_connection* connection) {
  connection->connection->progress();
}

PREFORK_API int prefork_connection_leaving(prefork_connection* connection) {
  return connection->connection->leaving() ? 1 : 0;
}

PREFORK_API int prefork_connection_next_request(prefork_connection* connection, int timeout_ms,
                                                const void* memo, size_t length) {
  return connection->connection->next_request(std::chrono::milliseconds(timeout_ms), text_of(memo, length))
             ? 1
             : 0;
}

PREFORK_API int prefork_connection_must_end(prefork_connection* connection) {
  return connection->connection->must_end() ? 1 : 0;
}

PREFORK_API int prefork_connection_may_park(const prefork_connection* connection) {
  return connection->connection->may_park() ? 1 : 0;
}

PREFORK_API int prefork_connection_park_wanted(const prefork_connection* connection) {
  return connection->connection->park_wanted() ? 1 : 0;
}

PREFORK_API void prefork_connection_park(prefork_connection* connection, const void* memo, size_t length) {
  connection->connection->park(text_of(memo, length));
  release(connection);
}

PREFORK_API void prefork_connection_finish(prefork_connection* connection) {
  connection->connection->finish();
  release(connection);
}

}  // extern "C"

// A client of HTTP/1.1 with one connection at a time and one request under way at a time, which keeps its
// connection for its next request. Never blocks.
#pragma once

#include <netinet/in.h>

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "proto/fd.h"
#include "tests/bench/exchange.h"

namespace prefork::bench {

/// Where to, and from which address (0: any).
struct Route {
  sockaddr_in server{};
  in_addr source{};
};

class HttpClient {
 public:
  explicit HttpClient(const Route& route) : route_(route) {}

  /// Sends `bytes`, a request without a body that must stay valid, over the connection that is there or a new
  /// one. Only when no request is under way.
  void ask(std::string_view bytes);
  /// Goes as far as is possible now. Without a request under way it only notices that the server has closed.
  Outcome advance();
  /// Leaves: closes the connection, whatever is under way.
  void leave();

  /// -1 when there is no connection.
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  /// Grows with each connection that is made: a new one is to be watched.
  [[nodiscard]] std::size_t connections() const { return connections_; }

 private:
  using Parser = boost::beast::http::response_parser<boost::beast::http::string_body>;

  void connect();
  Outcome send_request();
  Outcome read_answer();
  Outcome parse(std::string_view bytes);
  Outcome end_of_connection(Outcome outcome);

  Route route_;
  Fd socket_;
  std::string_view request_;      ///< empty: none is under way
  std::optional<Parser> answer_;  ///< while a request is under way
  std::string unparsed_;          ///< an incomplete header
  std::size_t connections_ = 0;
  bool sent_ = false;
  bool kept_ = false;     ///< the connection has answered a request before
  bool touched_ = false;  ///< a byte of the present answer has come
};

}  // namespace prefork::bench

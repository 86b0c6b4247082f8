// What the admin process uses of Boost.Asio. One thread; sockets of any family. The implementation is
// compiled once, in boost_source.cc.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>

namespace prefork {

namespace asio = boost::asio;
using IoContext = asio::io_context;
using Stream = asio::generic::stream_protocol::socket;
using Timer = asio::steady_timer;
using AdminClock = std::chrono::steady_clock;

}  // namespace prefork

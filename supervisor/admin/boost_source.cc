// The implementation of Boost.Asio and Boost.Beast, compiled once for the admin process.
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>

// The environment of a program that has a connection as its standard input and output, with the names of
// ucspi-tcp, ucspi-tcp6 and ucspi-unix.
#pragma once

#include <string>
#include <vector>

#include "worker/proxy_header.h"

namespace prefork::worker {

/// NAME=value for the connection:
///   IPv4  PROTO=TCP, TCPREMOTEIP, TCPREMOTEPORT, TCPLOCALIP, TCPLOCALPORT
///   IPv6  PROTO=TCP6, the same, each also with TCP6 in place of TCP, and TCP6INTERFACE for a link-local
///         address. An IPv4 client of an IPv6 listener counts as IPv4.
///   unix  PROTO=UNIX, UNIXLOCALPATH (of an abstract name: with @ in front), UNIXREMOTEPID, UNIXREMOTEUID,
///         UNIXREMOTEGID, and the last two also as UNIXREMOTEEUID and UNIXREMOTEEGID: of the process that has
///         called connect()
/// What the kernel does not tell any more, because the client has reset the connection, is left out.
[[nodiscard]] std::vector<std::string> ucspi_of(int socket);
/// The same from a header of the PROXY protocol that is not local. Of unix sockets it tells no process.
[[nodiscard]] std::vector<std::string> ucspi_of(const ProxyHeader& header);

/// This process's environment without what belongs to the supervisor's channel, and without variables that
/// describe another connection.
[[nodiscard]] std::vector<std::string> environment_for_programs();

}  // namespace prefork::worker

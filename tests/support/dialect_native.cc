// A worker of the C++ library, for the table test over dialects: `dialect-native NAME`. See line_service.h.
#include <string>

#include "tests/support/line_service.h"
#include "worker/connection.h"
#include "worker/serve.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string name = argv[1];
  return prefork::worker::serve([&name](prefork::worker::Connection& connection) {
    prefork::test::serve_line(connection.socket(), connection.socket(), name);
  });
}

// The control socket as the commands that connect to it find it: in a file that may be wrong in all else.
#include "config/control_path.h"

#include <doctest/doctest.h>

#include "tests/config/parse.h"
#include "tests/config/temp_directory.h"

namespace prefork {
namespace {

TEST_SUITE_BEGIN("control path");

TEST_CASE("the file names the control socket, leaves it to the default, or switches it off") {
  const Config left = parsed(pool_with(""));
  CHECK(left.control_by_default);
  CHECK(left.control.empty());
  const Config named = parsed(pool_with(R"("control": "/run/shop.sock")"));
  CHECK_FALSE(named.control_by_default);
  CHECK(named.control == "/run/shop.sock");
  const Config off = parsed(pool_with(R"("control": false)"));
  CHECK_FALSE(off.control_by_default);
  CHECK(off.control.empty());
  CHECK(mistake(pool_with(R"("control": true)")) ==
        "pool.json: /control: true is not allowed; it must be the path of a socket, such as "
        "\"/run/shop.sock\", or false; without the key the socket is in the runtime directory");
}

TEST_CASE("the path is found in a file whose other keys are wrong") {
  const TempDirectory directory;
  const std::string file =
      directory.file("pool.json", R"({"wokers": 3, "control": "/run/shop.sock" /* here */})");
  const auto path = control_path_of(file);
  REQUIRE(path.ok());
  CHECK(path.value() == "/run/shop.sock");
}

TEST_CASE("a file without a control socket and a missing file have different messages") {
  const TempDirectory directory;
  const auto refusal = [&](const std::string& file) {
    const auto path = control_path_of(file);
    REQUIRE_FALSE(path.ok());
    return path.error().message();
  };
  const std::string none = directory.file("none.json", R"({"control": false})");
  CHECK(refusal(none) == none +
                             ": /control: is no path: a supervisor with this file has no control socket; it "
                             "takes signals, such as kill -HUP PID");
  const std::string wrong = directory.file("wrong.json", R"({"control": "@shop"})");
  CHECK(refusal(wrong) == wrong + R"(: /control: "@shop" is not allowed: the control socket is a file; )" +
                              R"(write its path alone, such as "/run/shop.sock")");
  const std::string broken = directory.file("broken.json", "{");
  CHECK(refusal(broken).starts_with(broken + ": "));
  CHECK(refusal(directory.at("missing.json")).ends_with("No such file or directory"));
}

TEST_CASE("what is meant as an address is refused as the path of the control socket") {
  for (const char* text :
       {"127.0.0.1:9000", ":9000", "9000", "localhost:9000", "[::1]:9000", "http://localhost:9000"}) {
    CHECK(
        mistake(pool_with(R"("control": ")" + std::string(text) + "\"")) ==
        R"(pool.json: /control: ")" + std::string(text) +
            R"(" is not allowed: the control socket is a file and has no address; write its path, such as )" +
            R"("/run/shop.sock")");
  }
  for (const char* text : {"./127.0.0.1:9000", "shop", "run/9000"})
    CHECK(parsed(pool_with(R"("control": ")" + std::string(text) + "\""))
              .control.ends_with(std::string(text).substr(1)));
}

TEST_CASE("only its owner may connect to the control socket") {
  const ListenAddress address = control_address("/run/shop.sock");
  CHECK(address.text() == "unix:/run/shop.sock");
  CHECK(address.mode == 0600);
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork

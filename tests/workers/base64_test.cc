#include "supervisor/workers/base64.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

namespace prefork {
namespace {

TEST_SUITE_BEGIN("base64");

TEST_CASE("bytes become base64, and come back") {
  const std::pair<std::string, std::string> texts[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {"\xff\xfe\xfb", "//77"},
  };
  for (const auto& [bytes, text] : texts) {
    CHECK(to_base64(bytes) == text);
    CHECK(from_base64(text) == bytes);
  }
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  CHECK(from_base64(to_base64(all)) == all);
}

TEST_CASE("what is not base64 is told apart") {
  for (const std::string text : {"=", "==", "====", "Z", "Zg", "Zg=", "Zg===", "Z===", "Zm9v=", "Zg==Zg==",
                                 "Zm9 ", "Zm9v\n", "Zm9-", "Zm9_", "Zh==", "Zm9=", "\xc3\xa4\xc3\xa4"}) {
    CAPTURE(text);
    CHECK_FALSE(from_base64(text).has_value());
  }
  CHECK_FALSE(from_base64(std::string("Zm\0v", 4)).has_value());
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork

// Text that is not JSON, or JSON that was made to hurt.
#include <doctest/doctest.h>
#include <sys/resource.h>

#include <cstddef>
#include <new>
#include <string>
#include <string_view>
#include <variant>

#include "tests/config/parse.h"
#include "tests/support/in_a_child.h"
#include "tests/support/sanitized.h"

namespace prefork {
namespace {

std::string repeated(std::string_view piece, int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += piece;
  return text;
}

TEST_SUITE_BEGIN("hostile text");

TEST_CASE("FAULTS 39: a syntax error is reported with line and column") {
  CHECK(mistake("{\n  \"listen\": \":0\",\n}") ==
        "pool.json: line 3, column 1: unexpected '}'; expected string literal; is there a comma too many "
        "before it?");
  CHECK(mistake("{\"a\": [1, ]}") ==
        "pool.json: line 1, column 11: unexpected ']'; expected '[', '{', or a literal; "
        "is there a comma too many before it?");
  CHECK(
      mistake("{\"a\": [\"b\" \"c\"]}") ==
      "pool.json: line 1, column 12: unexpected string literal; expected ']'; is a comma missing before it?");
  CHECK(mistake("{\"a\": 'b'}") ==
        "pool.json: line 1, column 7: invalid literal; a string is written in double quotes");
  CHECK(mistake("{\"a\" 1}") == "pool.json: line 1, column 6: unexpected number literal; expected ':'");
  CHECK(mistake("{} {}") ==
        "pool.json: line 1, column 4: unexpected '{'; expected end of input; the file is one "
        "object, and ends with its \"}\"; remove what follows it");
  CHECK(
      mistake(R"({"a": "C:\srv\x"})") ==
      R"(pool.json: line 1, column 11: invalid string: forbidden character after backslash; a backslash in a )"
      R"(string is written \\)");
  CHECK(mistake("{\"a\": \"caf\xe9\"}").ends_with("; the file must be UTF-8: save it in that encoding"));
  CHECK(mistake("{\"a\": \"b") == "pool.json: line 1, column 9: invalid string: missing closing quote");
  CHECK(mistake("{\n/* no end") ==
        "pool.json: line 2, column 10: invalid comment; missing closing '*/'; expected string literal");
}

TEST_CASE("FAULTS 39: habits of other languages are answered with what to write instead") {
  const auto told = [](const std::string& value) { return mistake("{\"seccomp\": " + value + "}"); };
  const std::string at_value = "pool.json: line 1, column 13: invalid literal";
  CHECK(told("True") == at_value + "; write true");
  CHECK(told("yes") == at_value + "; write true");
  CHECK(told("tRUE") == at_value + "; write true");
  CHECK(told("off") == at_value + "; write false");
  CHECK(told("None") == at_value + "; leave the key out to get its default");
  CHECK(told("30s") == at_value + R"(; a string is written in double quotes: "30s")");
  CHECK(told("web-1") == at_value + R"(; a string is written in double quotes: "web-1")");
  const std::string digits = "; a number is written in decimal digits only";
  CHECK(told("0x10") == at_value + digits);
  CHECK(told("1_000") == at_value + digits);
  CHECK(told("+4") == at_value + digits);
  CHECK(told("04") ==
        "pool.json: line 1, column 14: unexpected number literal; expected '}'; a number does not begin with "
        "0");
  CHECK(mistake("{listen: 1}") ==
        R"(pool.json: line 1, column 2: invalid literal; a key is written in double quotes: "listen")");
  CHECK(mistake("{\xe2\x80\x9clisten\xe2\x80\x9d: 1}")
            .ends_with("; a string is written in straight double quotes"));
  CHECK(mistake(R"({"listen": ":80, "command": []})") ==
        "pool.json: line 1, column 19: invalid literal; is a double quote missing before it?");
  const std::string object =
      R"(; the file is one JSON object, such as {"listen": ":8080", "command": ["program"]})";
  CHECK(mistake("listen: 80\n") == "pool.json: line 1, column 1: invalid literal" + object);
  CHECK(mistake("[pool]\nlisten = 80\n") == "pool.json: line 1, column 2: invalid literal" + object);
  CHECK(mistake("# comment\n{}") ==
        "pool.json: line 1, column 1: invalid literal; a comment is written as // or /* */");
}

TEST_CASE("FAULTS 73: the text in which a syntax error is found is not part of the message") {
  CHECK(mistake("{\"a\": \"; expected \xEF(\", $}") ==
        "pool.json: line 1, column 20: invalid string: ill-formed UTF-8 byte; the file must be UTF-8: save "
        "it in that encoding");
  CHECK(
      mistake("[\"'; expected \\n\" \"x\"]") ==
      "pool.json: line 1, column 19: unexpected string literal; expected ']'; is a comma missing before it?");
}

constexpr const char* kEmpty =
    R"(pool.json: is empty; the least that it needs is {"listen": ":8080", "command": ["program"]})";

TEST_CASE("FAULTS 39: text that ends too early is refused") {
  CHECK(mistake("") == kEmpty);
  CHECK(mistake(" \r\n\t") == kEmpty);
  CHECK(mistake("\xEF\xBB\xBF") == kEmpty);
  CHECK(mistake("{\"a\": ") ==
        "pool.json: line 1, column 7: unexpected end of input; expected '[', '{', or a literal");
}

TEST_CASE("FAULTS 39: text that is not UTF-8 is refused") {
  CHECK(mistake("{\"a\": \"\xFF\"}") ==
        "pool.json: line 1, column 8: invalid string: ill-formed UTF-8 byte; the file must be UTF-8: save it "
        "in that encoding");
  CHECK(mistake(std::string_view("\xFF\xFE{\0}\0", 6)) == "pool.json: is UTF-16; it must be UTF-8");
  CHECK(mistake(std::string_view("\xFE\xFF\0{\0}", 6)) == "pool.json: is UTF-16; it must be UTF-8");
  CHECK(mistake("{\"a\": \"\\ud800\"}") ==
        "pool.json: line 1, column 14: invalid string: surrogate U+D800..U+DBFF must be followed by "
        "U+DC00..U+DFFF");
}

TEST_CASE("FAULTS 39: a NUL byte does not end the text early") {
  const std::string fine = pool_with("");
  CHECK(mistake(fine + std::string("\n\0rubbish", 9)) ==
        "pool.json: line 2, column 1: a NUL byte is not allowed");
  CHECK(mistake(std::string(1000, '\0')) == "pool.json: line 1, column 1: a NUL byte is not allowed");
}

TEST_CASE("FAULTS 39: a duplicate key is named") {
  CHECK(mistake(pool_with(R"("workers": 1, "workers": 2)")) ==
        R"(pool.json: /workers: the key "workers" stands here twice; remove one)");
  CHECK(mistake(pool_with(R"("queue": {"max": 1, "max": 1})")) ==
        R"(pool.json: /queue/max: the key "max" stands here twice; remove one)");
}

TEST_CASE("FAULTS 39: a number that is too large for any type is refused") {
  CHECK(mistake(R"({"workers": 1e999})") == "pool.json: line 1, column 17: the number is too large");
}

TEST_CASE("FAULTS 39: text nested deeper than sixteen levels is refused") {
  CHECK(mistake(repeated("[", 500'000)) ==
        "pool.json: " + repeated("/0", 16) + ": is nested deeper than 16 levels");
  CHECK(mistake(repeated("{\"a\":", 100'000)) ==
        "pool.json: " + repeated("/a", 16) + ": is nested deeper than 16 levels");
}

TEST_CASE("FAULTS 39: the numbers of values and elements and the length of keys are limited") {
  CHECK(mistake("{\"listen\": [\"a\"" + repeated(",\"a\"", 200'000) + "]}") ==
        "pool.json: /listen: has more than 1024 elements");
  const std::string thousand = "[0" + repeated(",0", 999) + "]";
  CHECK(mistake("[" + thousand + repeated("," + thousand, 99) + "]") ==
        "pool.json: /16/366: the file holds more than 16384 values");
  CHECK(mistake("{\"" + repeated("k", 500'000) + "\": 1}") == "pool.json: has a key of more than 256 bytes");
  const std::string digits = repeated("1", 1'000'000);
  CHECK(mistake(pool_with("\"stop_timeout\": \"" + digits + "\""))
            .starts_with("pool.json: /stop_timeout: \"111"));
  CHECK(mistake(pool_with("\"name\": \"" + digits + "\"")).starts_with("pool.json: /name: \"111"));
}

/// From now on the allocator has one piece of 64 KiB and smaller ones, whatever was freed before. False on
/// an error.
bool leave_little_memory() {
  constexpr std::size_t kPiece = 64UL * 1024;
  void* const little = ::operator new(kPiece);
  const rlimit none{};
  if (::setrlimit(RLIMIT_AS, &none) != 0) return false;
  while (::operator new(kPiece, std::nothrow) != nullptr) continue;
  ::operator delete(little);
  return true;
}

TEST_CASE("FAULTS 73: a file for which there is not enough memory is refused") {
  if (test::kSanitized) return;  // its allocator ends the program instead
  const std::string text = pool_with(R"("crash_reply": ")" + repeated("x", 1'000'000) + "\"");
  CHECK(test::in_a_child([&text] {
    if (!leave_little_memory()) return false;
    const auto loaded = parse_config(text, "pool.json", {});
    const auto* problems = std::get_if<ConfigProblems>(&loaded);
    return problems != nullptr &&
           problems->front().message() == "pool.json: cannot be loaded: std::bad_alloc";
  }));
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork

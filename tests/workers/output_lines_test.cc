// A worker's output becomes lines of the log.
#include "supervisor/workers/output_lines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <string>
#include <utility>

namespace prefork {
namespace {

using namespace std::chrono_literals;
using Lines = std::vector<std::string>;

constexpr std::size_t kMaxLine = 8192;
const Instant kStart = Instant(1000s);

Lines fed(OutputLines& lines, std::string_view text, Instant now = kStart) {
  Lines out;
  lines.feed(text, now, out);
  return out;
}

Lines finished(OutputLines& lines, Instant now = kStart) {
  Lines out;
  lines.finish(now, out);
  return out;
}

TEST_CASE("output becomes lines, however it was cut into pieces") {
  OutputLines lines(kMaxLine);
  CHECK(fed(lines, "one\ntwo\nthr") == Lines{"one", "two"});
  CHECK(fed(lines, "ee").empty());
  CHECK(lines.begun() == "three");
  CHECK(fed(lines, "\n\nfour\r\nfive") == Lines{"three", "", "four"});
  CHECK(finished(lines) == Lines{"five"});
  CHECK(finished(lines).empty());
}

TEST_CASE("FAULTS 58: a line is cut at a length, and the log says so once") {
  OutputLines lines(kMaxLine);
  CHECK(fed(lines, std::string(kMaxLine, 'x')).empty());
  CHECK(fed(lines, std::string(100'000, 'x')) ==
        Lines{std::string(kMaxLine, 'x') + " [cut after 8192 bytes]"});
  CHECK(fed(lines, std::string(100'000, 'x') + "\nnext\n") == Lines{"next"});
  CHECK(fed(lines, std::string(kMaxLine, 'y') + "\n") == Lines{std::string(kMaxLine, 'y')});
}

TEST_CASE("FAULTS 80: a cut line ends between two characters, whatever the maximum") {
  std::string umlauts;
  for (int i = 0; i < 6000; ++i) umlauts += "ä";
  for (const std::size_t max : {256U, 257U, 8192U, 8191U}) {
    OutputLines lines(max);
    const std::size_t kept = max / 2 * 2;
    CHECK(fed(lines, umlauts + "\nnext\n") ==
          Lines{umlauts.substr(0, kept) + " [cut after " + std::to_string(kept) + " bytes]", "next"});
  }
}

TEST_CASE("another maximum applies at once, to a line that has begun as well") {
  std::size_t max = 300;
  OutputLines lines(max);
  CHECK(fed(lines, std::string(290, 'x')).empty());
  max = 256;
  CHECK(fed(lines, "x") == Lines{std::string(256, 'x') + " [cut after 256 bytes]"});
  CHECK(fed(lines, "rest\n").empty());
  max = 300;
  CHECK(fed(lines, std::string(300, 'y') + "\n") == Lines{std::string(300, 'y')});
}

TEST_CASE("FAULTS 58: output that never ends a line takes no memory") {
  OutputLines lines(kMaxLine);
  for (int i = 0; i < 1000; ++i) (void)fed(lines, std::string(65536, 'x'));
  CHECK(lines.begun().size() <= kMaxLine + 1);
  CHECK(lines.exhausted());
}

TEST_CASE("FAULTS 58: more lines than the rate allows are dropped and counted, and the count is logged") {
  OutputLines lines(kMaxLine);
  std::string flood;
  for (int i = 0; i < 5000; ++i) flood += "y\n";
  const Lines out = fed(lines, flood);
  CHECK(out.size() == 1000);
  CHECK(lines.exhausted());
  CHECK(fed(lines, "later\n", kStart + 1s) == Lines{"[4000 lines dropped: more than 100 a second]", "later"});
  CHECK_FALSE(lines.exhausted());
  CHECK(fed(lines, flood, kStart + 1s).size() == 99);
  CHECK(finished(lines) == Lines{"[4901 lines dropped: more than 100 a second]"});
}

TEST_CASE("FAULTS 58: while the rate is exceeded, the number of dropped lines is logged once a second") {
  OutputLines lines(kMaxLine);
  std::string flood;
  for (int i = 0; i < 2000; ++i) flood += "y\n";
  Lines out;
  for (int i = 0; i <= 500; ++i) {
    for (std::string& line : fed(lines, flood, kStart + i * 10ms)) out.push_back(std::move(line));
  }
  const auto said = std::count_if(out.begin(), out.end(), [](const auto& line) { return line != "y"; });
  CHECK(said == 5);
  CHECK(out.size() == 1000 + 5 * 101);
}

TEST_CASE("FAULTS 58: long lines use up the rate faster") {
  OutputLines lines(kMaxLine);
  std::string flood;
  for (int i = 0; i < 1000; ++i) flood += std::string(8000, 'y') + "\n";
  CHECK(fed(lines, flood).size() < 40);
}

TEST_CASE(
    "FAULTS 106: dropped output is counted as if it came line by line, however it was cut into pieces") {
  std::mt19937 random(7);
  std::string text;
  for (int i = 0; i < 3000; ++i) {
    const std::size_t size = random() % 50 == 0 ? 9000 + random() % 9000 : random() % 400;
    for (std::size_t j = 0; j < size; ++j) text += static_cast<char>("ab\x01\xc3\xa4"[random() % 5]);
    text += random() % 3 == 0 ? "\r\n" : "\n";
  }
  text += "begun";
  const auto dropped = [&](std::size_t piece) {
    OutputLines lines(kMaxLine);
    lines.exhaust(kStart);
    for (std::size_t at = 0; at < text.size(); at += piece)
      CHECK(fed(lines, std::string_view(text).substr(at, piece)).empty());
    CHECK(lines.begun() == "begun");
    const Lines last = lines.last();
    CHECK(last.size() == OutputLines::kLastLines);
    return std::pair(finished(lines), last);
  };
  const auto whole = dropped(text.size());
  CHECK(whole.first == Lines{"[3001 lines dropped: too many workers ended at once]"});
  for (const std::size_t piece : {1UL, 17UL, 4096UL, 65536UL}) CHECK(dropped(piece) == whole);
}

TEST_CASE("a kept line of control characters is escaped, and as short as others") {
  OutputLines lines(kMaxLine);
  (void)fed(lines, std::string(8000, '\x1b') + "\n");
  std::string escaped;
  for (std::size_t i = 0; i < OutputLines::kMaxLastLine / 4; ++i) escaped += "\\x1b";
  CHECK(lines.last().front() == escaped + "…");
  (void)fed(lines, std::string(8000, '\x80') + "\n");
  CHECK(lines.last().back().size() < 2 * OutputLines::kMaxLastLine);
}

TEST_CASE("the last lines are kept, logged or not") {
  OutputLines lines(kMaxLine);
  std::string flood;
  for (int i = 0; i < 5000; ++i) flood += std::to_string(i) + "\n";
  (void)fed(lines, flood + "bye");
  (void)finished(lines);
  const Lines last = lines.last();
  REQUIRE(last.size() == OutputLines::kLastLines);
  CHECK(last.front() == "4981");
  CHECK(last.back() == "bye");
  CHECK(lines.last_dropped() == last);
}

TEST_CASE("of the last lines it is known which were dropped") {
  OutputLines lines(kMaxLine);
  CHECK(fed(lines, "one\ntwo\n").size() == 2);
  CHECK(lines.last() == Lines{"one", "two"});
  CHECK(lines.last_dropped().empty());
  lines.exhaust(kStart);
  (void)fed(lines, "three\n");
  CHECK(lines.last() == Lines{"one", "two", "three"});
  CHECK(lines.last_dropped() == Lines{"three"});
}

TEST_CASE("a kept line is shortened between characters") {
  OutputLines lines(kMaxLine);
  std::string umlauts = "x";
  for (int i = 0; i < 200; ++i) umlauts += "ä";
  (void)fed(lines, umlauts + "\n");
  CHECK(lines.last().front() == umlauts.substr(0, 299) + "…");
}

}  // namespace
}  // namespace prefork

#include "supervisor/admin/history_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

namespace prefork {
namespace {

struct Place {
  explicit Place(off_t size) : file(::memfd_create("history", MFD_CLOEXEC | MFD_ALLOW_SEALING)) {
    REQUIRE(::ftruncate(file.get(), size) == 0);
    REQUIRE(::fcntl(file.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) == 0);
  }
  void write(const std::string& text) const {
    REQUIRE(::pwrite(file.get(), text.data(), text.size(), 0) == static_cast<ssize_t>(text.size()));
  }
  Fd file;
};

Json seconds(int from, int to) {
  Json all = Json::array();
  for (int at = from; at < to; ++at) all.push_back(at);
  return all;
}

Json read_back(const Place& place) { return HistoryFile().open(Fd(::dup(place.file.get()))); }

void write_seconds(const Place& place, int from, int to) {
  HistoryFile file;
  (void)file.open(Fd(::dup(place.file.get())));
  for (int at = from; at < to; ++at) CHECK(file.add(at));
}

TEST_CASE("what processes have written is what the next one finds, whatever their end") {
  const Place place(1 << 20);
  CHECK(read_back(place).empty());
  write_seconds(place, 0, 3);
  CHECK(read_back(place) == seconds(0, 3));
  for (int at = 3; at < 50; ++at) write_seconds(place, at, at + 1);  // each dies after a second
  CHECK(read_back(place) == seconds(0, 50));
}

TEST_CASE("FAULTS 533: brackets that a process has left in the file take no memory") {
  const Place place(1 << 20);
  constexpr std::size_t kMany = 100'000;
  place.write("1 [1,{\"web\":[1,null,[2,[3]],4]}]\n1 [[[" + std::string(kMany, '[') +
              std::string(kMany, ']') + "]]]\n");
  CHECK(read_back(place) == Json::parse(R"([[1, {"web": [1, null, 4]}], [[[]]]])"));
}

TEST_CASE("the file keeps at least as many seconds as a history has") {
  const Place place(1 << 20);
  constexpr int kLines = HistoryFile::kLines;
  write_seconds(place, 0, 2 * kLines);
  CHECK(read_back(place) == seconds(0, 2 * kLines));
  write_seconds(place, 2 * kLines, 2 * kLines + 1);
  CHECK(read_back(place) == seconds(kLines, 2 * kLines + 1));
  write_seconds(place, 2 * kLines + 1, 5 * kLines);
  CHECK(read_back(place) == seconds(3 * kLines, 5 * kLines));
}

TEST_CASE("a file with less room keeps less") {
  const Place place(80);  // a half has room for two lines of six bytes, beside the number of a turn
  write_seconds(place, 1000, 1010);
  const Json found = read_back(place);
  CHECK(found.size() >= 2);
  CHECK(found.back() == 1009);
  HistoryFile file;
  (void)file.open(Fd(::dup(place.file.get())));
  CHECK_FALSE(file.add(std::string(40, 'x')));
  CHECK_FALSE(HistoryFile().add(1));
}

TEST_CASE("FAULTS 486: of a history that is not whole is taken what is") {
  const Place place(200);
  Json expected = Json::array();
  SUBCASE("its last line is cut") {
    place.write("7 1\n7 2\n7 [3");
    expected = {1, 2};
  }
  SUBCASE("lines of an earlier turn follow") {
    place.write("7 1\n5 2\n7 3\n");
    expected = {1};
  }
  SUBCASE("a line is none") {
    place.write("7 1\n7 nothing\n7 3\n");
    expected = {1};
  }
  SUBCASE("it is of another format") { place.write("supervisor-history 1 0000000003\n[1]"); }
  SUBCASE("it is something else") { place.write(std::string(200, '\xff')); }
  SUBCASE("its numbers are too large") { place.write("99999999999999999999999 1\n"); }
  SUBCASE("its number is the last one") {
    place.write("18446744073709551615 1\n");
    expected = {1};
  }
  CHECK(read_back(place) == expected);
  const std::size_t before = expected.size();
  write_seconds(place, 100, 101);
  const Json found = read_back(place);
  REQUIRE(found.size() == before + 1);
  CHECK(found.back() == 100);
}

}  // namespace
}  // namespace prefork

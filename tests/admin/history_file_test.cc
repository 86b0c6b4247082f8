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

TEST_CASE("what one process leaves is what the next one finds") {
  const Place place(1000);
  CHECK(load_history(place.file).is_null());
  for (const char* text : {R"({"time":[1,2,3]})", R"({"a":1})"}) {
    CHECK(save_history(place.file, Json::parse(text)));
    CHECK(load_history(place.file) == Json::parse(text));
  }
}

TEST_CASE("FAULTS 486: a history that is not whole is none") {
  const Place place(64);
  SUBCASE("it has no room") {
    CHECK(save_history(place.file, Json{1}));
    CHECK_FALSE(save_history(place.file, Json(std::string(40, 'x'))));
  }
  SUBCASE("its end is missing") { place.write("supervisor-history 1 0000000030\n[1,"); }
  SUBCASE("it says more than the file has") { place.write("supervisor-history 1 0000000099\n[1]"); }
  SUBCASE("it says far more") { place.write("supervisor-history 1 9999999999\n[1]"); }
  SUBCASE("it is of another format") { place.write("supervisor-history 2 0000000003\n[1]"); }
  SUBCASE("it is something else") { place.write(std::string(64, '\xff')); }
  CHECK(load_history(place.file).is_null());
}

}  // namespace
}  // namespace prefork

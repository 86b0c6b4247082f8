// Launches: in the formats of earlier versions, and whether two are the same.
#include "supervisor/spawner/launch.h"

#include <doctest/doctest.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace prefork {
namespace {

Launch pinned() {
  Launch launch{.executable = "/srv/app", .argv = {"app"}, .environment = {"A=1"}, .directory = "/srv"};
  launch.pin = {"/srv/1/app", "/srv/1", 1, 2, 3, 4, 5, 6, 7};
  return launch;
}

/// As a spawner, or the next program, reads it.
Launch sent(const Launch& launch, std::uint32_t format) {
  return decode_request(encode_request({1, 2}, launch, format)).value().launch;
}

Launch without_directory(Launch launch) {
  launch.pin.directory_device = launch.pin.directory_inode = 0;
  launch.pin.directory_born = 0;
  return launch;
}

Launch without_birth(Launch launch) {
  launch.pin.directory_born = 0;
  return launch;
}

Launch without_pin(Launch launch) {
  launch.pin = {};
  return launch;
}

TEST_CASE("FAULTS 156: a request in an earlier format is the same without what that format does not have") {
  CHECK(sent(pinned(), kLaunchFormat) == pinned());
  CHECK(sent(pinned(), kInodeLaunchFormat) == without_birth(pinned()));
  CHECK(sent(pinned(), kPathLaunchFormat) == without_directory(pinned()));
  CHECK(sent(pinned(), kUnpinnedLaunchFormat) == without_pin(pinned()));
}

TEST_CASE(
    "FAULTS 196: a directory that was replaced in place is another start, and what is not known is not") {
  Launch other = pinned();
  other.pin.directory_inode = 7;
  CHECK_FALSE(same_start(pinned(), other));
  other = pinned();
  other.pin.directory_born = 8;
  CHECK_FALSE(same_start(pinned(), other));
  for (const Launch& less :
       {pinned(), without_birth(pinned()), without_directory(pinned()), without_pin(pinned())}) {
    CHECK(same_start(pinned(), less));
    CHECK(same_start(less, pinned()));
  }
  other = without_directory(pinned());
  other.pin.directory = "/srv/2";
  CHECK_FALSE(same_start(pinned(), other));
  other = pinned();
  other.pin.modified = 5;
  CHECK_FALSE(same_start(pinned(), other));
  other = without_pin(pinned());
  other.argv = {"app", "--more"};
  CHECK_FALSE(same_start(pinned(), other));
}

TEST_CASE(
    "FAULTS 156: in an earlier format only a request for a worker that is not native has a part that its "
    "versions may not know") {
  Launch launch = without_birth(pinned());
  const std::size_t native = encode_request({1, 2}, launch, kInodeLaunchFormat).size();
  launch.wire = Wire::kClassic;
  for (const std::optional<std::int32_t> idle_value : {std::optional<std::int32_t>(), std::optional(-7)}) {
    launch.idle_value = idle_value;
    std::vector<std::byte> request = encode_request({1, 2}, launch, kInodeLaunchFormat);
    CHECK(request.size() > native);
    CHECK(decode_request(request).value().launch == launch);
    request[native] = std::byte{9};  // of a later version
    CHECK_FALSE(decode_request(request).has_value());
  }
}

}  // namespace
}  // namespace prefork

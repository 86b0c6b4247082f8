// The sealed memfd that a state travels in: what is not exactly what was written is refused, with the reason.
#include "supervisor/state/state_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>
#include <utility>

namespace prefork {
namespace {

constexpr std::size_t kHeader = 24;
constexpr std::size_t kFormatAt = 8;

std::string contents(const Fd& file) {
  std::string bytes(4096, '\0');
  const ssize_t size = ::pread(file.get(), bytes.data(), bytes.size(), 0);
  bytes.resize(static_cast<std::size_t>(size));
  return bytes;
}

Fd memfd(const std::string& bytes, bool sealed = true) {
  Fd file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  REQUIRE(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
  if (sealed) REQUIRE(::fcntl(file.get(), F_ADD_SEALS, kSeals) == 0);
  return file;
}

std::string refusal(const std::string& bytes, bool sealed = true) {
  const auto read = read_state(memfd(bytes, sealed));
  REQUIRE_FALSE(read.ok());
  return read.error().message();
}

std::string written() {
  auto file = seal_state("all that I am");
  REQUIRE(file.ok());
  return contents(file.value());
}

TEST_CASE("a state comes back as it was, and its file can no longer be changed") {
  for (const std::string& bytes : {std::string(), std::string("x"), std::string(1 << 20, '\0')}) {
    auto file = seal_state(bytes);
    REQUIRE(file.ok());
    CHECK((::fcntl(file.value().get(), F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(::pwrite(file.value().get(), "!", 1, 0) == -1);
    CHECK(::ftruncate(file.value().get(), 0) == -1);
    auto read = read_state(file.value());
    REQUIRE(read.ok());
    CHECK(read.value().bytes() == bytes);
  }
}

TEST_CASE("FAULTS 65: a state of another format is refused") {
  std::string bytes = written();
  bytes[kFormatAt] = 99;
  CHECK(refusal(bytes) ==
        "the state is of format 99, and this program understands format " + std::to_string(kStateFormat));
}

TEST_CASE("FAULTS 65: a state that is damaged, cut off, too long or none is refused") {
  const std::string whole = written();
  for (std::size_t at = kHeader; at < whole.size(); ++at) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    CHECK(refusal(damaged) == "the state is damaged: its checksum is wrong");
  }
  for (std::size_t size = 0; size < kHeader; ++size)
    CHECK(refusal(whole.substr(0, size)) == "the state was not written by a supervisor");
  for (std::size_t size = kHeader; size < whole.size(); ++size)
    CHECK(refusal(whole.substr(0, size)).find(" bytes long and should be ") != std::string::npos);
  CHECK(refusal(whole + "x").find(" bytes long and should be ") != std::string::npos);
  CHECK(refusal("#!/bin/sh\necho a state, honestly\n") == "the state was not written by a supervisor");
}

TEST_CASE("FAULTS 65: a state in a file that can still be changed is refused") {
  CHECK(refusal(written(), /*sealed=*/false) == "the state is not a sealed memfd");
  const Fd file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  CHECK_FALSE(read_state(file).ok());
  CHECK_FALSE(read_state(Fd()).ok());
}

}  // namespace
}  // namespace prefork

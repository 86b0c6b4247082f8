// ELF files as they are built, and as an attacker would build them.
#include "config/elf_file.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <random>

#include "tests/config/elf_text.h"

namespace prefork {
namespace {

using Kind = ElfFile::Kind;

ElfFile read_text(std::string_view text) {
  const Fd file(::memfd_create("elf", MFD_CLOEXEC));
  REQUIRE(::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  return read_elf(file);
}

ElfFile read_path(const char* path) { return read_elf(Fd(::open(path, O_RDONLY | O_CLOEXEC))); }

/// The text with one value of its header changed.
template <typename Change>
std::string with_header(std::string text, const Change& change) {
  ElfW(Ehdr) header;
  std::memcpy(&header, text.data(), sizeof(header));
  change(header);
  std::memcpy(text.data(), &header, sizeof(header));
  return text;
}

template <typename Change>
std::string with_segment(std::string text, std::size_t number, const Change& change) {
  ElfW(Phdr) segment;
  const std::size_t at = sizeof(ElfW(Ehdr)) + number * sizeof(segment);
  std::memcpy(&segment, text.data() + at, sizeof(segment));
  change(segment);
  std::memcpy(text.data() + at, &segment, sizeof(segment));
  return text;
}

TEST_SUITE_BEGIN("elf file");

TEST_CASE("a program's loader, or that it has none, is read from its segments") {
  CHECK(read_text(elf_text(kGlibcLoader)).kind == Kind::kDynamic);
  CHECK(read_text(elf_text(kGlibcLoader)).loader == kGlibcLoader);
  CHECK(read_text(elf_text("")).kind == Kind::kStatic);
  CHECK_FALSE(read_text(elf_text("", "GNU")).is_go);
  CHECK(read_text(elf_text("", "Go")).is_go);
  CHECK(read_text(elf_text(kGlibcLoader, "Go")).is_go);
  const ElfFile own = read_path("/proc/self/exe");
  CHECK(own.kind == Kind::kDynamic);
  CHECK_FALSE(own.is_go);
}

TEST_CASE("a program for another machine is told apart") {
  const std::string text = elf_text(kGlibcLoader);
  CHECK(read_text(with_header(text, [](auto& header) { header.e_machine ^= 1; })).kind ==
        Kind::kOtherMachine);
  CHECK(read_text(with_header(text, [](auto& header) { header.e_ident[EI_CLASS] ^= 3; })).kind ==
        Kind::kOtherMachine);
}

TEST_CASE("FAULTS 272: numbers in an ELF file that lead out of it, or nowhere, are no program") {
  const std::string text = elf_text(kGlibcLoader);
  const auto damaged = [](const std::string& changed) { return read_text(changed).kind == Kind::kNone; };
  CHECK(damaged(""));
  CHECK(damaged("#!/bin/sh\n"));
  for (const std::uint64_t offset :
       {std::uint64_t{text.size()}, UINT64_MAX, UINT64_MAX - 8, UINT64_MAX / 2}) {
    CHECK(damaged(with_header(text, [&](auto& header) { header.e_phoff = static_cast<ElfW(Off)>(offset); })));
    CHECK(damaged(with_segment(text, 1, [&](auto& one) { one.p_offset = static_cast<ElfW(Off)>(offset); })));
  }
  CHECK(damaged(with_header(text, [](auto& header) { header.e_phnum = 0; })));
  CHECK(damaged(with_header(text, [](auto& header) { header.e_phnum = 0xffff; })));
  CHECK(damaged(with_header(text, [](auto& header) { header.e_phentsize = 1; })));
  CHECK(damaged(with_header(text, [](auto& header) { header.e_type = ET_CORE; })));
  for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{5000}, UINT64_MAX})
    CHECK(damaged(with_segment(text, 1, [&](auto& one) { one.p_filesz = static_cast<ElfW(Xword)>(size); })));
  for (const std::uint32_t size : {0xffffffffU, 0xfffffffcU, 5U}) {
    std::string noted = elf_text("", "Go");
    std::memcpy(noted.data() + sizeof(ElfW(Ehdr)) + 3 * sizeof(ElfW(Phdr)) + 4, &size, sizeof(size));
    CHECK(read_text(noted).kind == Kind::kStatic);
  }
}

TEST_CASE("FAULTS 272: no file that begins like an ELF program can do harm, however it goes on") {
  std::mt19937 random(272);
  const auto any = [&](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
  };
  for (int round = 0; round < 3000; ++round) {
    std::string text = elf_text(any(1) == 0 ? kGlibcLoader : "", any(1) == 0 ? "Go" : "");
    for (std::size_t changes = any(6); changes > 0; --changes)
      text[any(text.size() - 1)] = static_cast<char>(any(3) == 0 ? any(255) : (any(1) == 0 ? 255 : 0));
    if (any(3) == 0) text.resize(any(text.size()));
    const ElfFile found = read_text(text);
    CHECK((found.kind == Kind::kDynamic) == !found.loader.empty());
    CHECK(found.loader.size() < 4096);
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork

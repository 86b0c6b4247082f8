#include "config/elf_file.h"

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

/// The header of the running program: this program is for the processor that it runs on.
// NOLINTNEXTLINE(readability-identifier-naming): the linker defines it.
extern "C" const ElfW(Ehdr) __ehdr_start __attribute__((visibility("hidden")));

namespace prefork {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);
using Note = ElfW(Nhdr);

/// The kernel accepts no longer table of segments.
constexpr std::size_t kMostSegmentBytes = 65536;
constexpr std::size_t kMostNoteSegments = 16;
constexpr std::size_t kMostNoteBytes = 4096;

/// The `size` bytes at `offset`; fewer when the file ends before, or cannot be read.
std::string bytes_at(const Fd& file, std::uint64_t offset, std::size_t size) {
  std::string bytes(size, '\0');
  std::size_t read = 0;
  while (read < size) {
    const std::uint64_t at = offset + read;
    if (at < offset || at > INT64_MAX) break;
    const ssize_t got = ::pread(file.get(), bytes.data() + read, size - read, static_cast<off_t>(at));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    read += static_cast<std::size_t>(got);
  }
  bytes.resize(read);
  return bytes;
}

std::vector<Segment> segments_of(const Fd& file, const Header& header) {
  const std::size_t size = std::size_t{header.e_phnum} * sizeof(Segment);
  if (header.e_phentsize != sizeof(Segment) || size == 0 || size > kMostSegmentBytes) return {};
  const std::string bytes = bytes_at(file, header.e_phoff, size);
  if (bytes.size() != size) return {};
  std::vector<Segment> segments(header.e_phnum);
  std::memcpy(segments.data(), bytes.data(), size);
  return segments;
}

/// The notes of a segment: name, kind and contents, each padded to four bytes.
bool has_go_note(std::string_view notes) {
  const auto padded = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
  while (notes.size() > sizeof(Note)) {
    Note note{};
    std::memcpy(&note, notes.data(), sizeof(note));
    notes.remove_prefix(sizeof(note));
    if (note.n_namesz > notes.size() || note.n_descsz > notes.size()) return false;
    const std::string_view name = notes.substr(0, note.n_namesz);
    if (name.substr(0, name.find('\0')) == "Go") return true;
    notes.remove_prefix(std::min(padded(note.n_namesz) + padded(note.n_descsz), notes.size()));
  }
  return false;
}

bool is_for_this_machine(std::string_view begin) {
  const Header& own = __ehdr_start;
  const std::string_view identity(reinterpret_cast<const char*>(own.e_ident), EI_NIDENT);
  if (begin.substr(0, EI_VERSION) != identity.substr(0, EI_VERSION)) return false;  // word size, byte order
  Header header{};
  std::memcpy(&header, begin.data(), sizeof(header));
  return header.e_machine == own.e_machine;
}

/// The loader that a segment names; nothing when it is not a text.
std::string loader_at(const Fd& file, const Segment& segment) {
  if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX) return "";
  std::string path = bytes_at(file, segment.p_offset, static_cast<std::size_t>(segment.p_filesz));
  if (path.size() != segment.p_filesz || !path.ends_with('\0')) return "";
  path.resize(path.find('\0'));
  return path;
}

bool has_go_note(const Fd& file, const std::vector<Segment>& segments) {
  std::size_t looked_at = 0;
  for (const Segment& segment : segments) {
    if (segment.p_type != PT_NOTE || ++looked_at > kMostNoteSegments) continue;
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(segment.p_filesz, kMostNoteBytes));
    if (has_go_note(bytes_at(file, segment.p_offset, size))) return true;
  }
  return false;
}

}  // namespace

ElfFile read_elf(const Fd& file) {
  const std::string begin = bytes_at(file, 0, sizeof(Header));
  if (begin.size() != sizeof(Header) || !begin.starts_with(ELFMAG)) return {};
  if (!is_for_this_machine(begin)) return {ElfFile::Kind::kOtherMachine, "", false};
  Header header{};
  std::memcpy(&header, begin.data(), sizeof(header));
  const std::vector<Segment> segments = segments_of(file, header);
  if (segments.empty() || (header.e_type != ET_EXEC && header.e_type != ET_DYN)) return {};
  const auto names_loader = [](const Segment& one) { return one.p_type == PT_INTERP; };
  const auto named = std::find_if(segments.begin(), segments.end(), names_loader);
  const bool is_go = has_go_note(file, segments);
  if (named == segments.end()) return {ElfFile::Kind::kStatic, "", is_go};
  std::string loader = loader_at(file, *named);
  if (loader.empty()) return {};
  return {ElfFile::Kind::kDynamic, std::move(loader), is_go};
}

}  // namespace prefork

#include "supervisor/state/state_file.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/crc.hpp>
#include <cerrno>
#include <cstring>

namespace prefork {
namespace {

constexpr int kSeals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;

struct Header {
  char magic[8] = {'P', 'R', 'E', 'F', 'O', 'R', 'K', '\n'};
  std::uint32_t format = kStateFormat;
  std::uint32_t checksum = 0;  ///< CRC-32 of the bytes
  std::uint64_t length = 0;    ///< of the bytes
};

std::uint32_t checksum_of(std::string_view bytes) {
  boost::crc_32_type sum;
  sum.process_bytes(bytes.data(), bytes.size());
  return sum.checksum();
}

bool write_all(int descriptor, const void* data, std::size_t size) {
  const auto* next = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(descriptor, next, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    next += written;
    size -= static_cast<std::size_t>(written);
  }
  return true;
}

}  // namespace

Result<Fd> create_state_file() {
  Fd file(::memfd_create("supervisor-state", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  if (!file.valid()) return system_error("memfd_create");
  return file;
}

Result<void> seal_state_in(const Fd& file, std::string_view bytes) {
  Header header;
  header.checksum = checksum_of(bytes);
  header.length = bytes.size();
  if (!write_all(file.get(), &header, sizeof(header)) || !write_all(file.get(), bytes.data(), bytes.size())) {
    return system_error("write the state");
  }
  if (::fcntl(file.get(), F_ADD_SEALS, kSeals) < 0) return system_error("seal the state");
  return {};
}

Result<Fd> seal_state(std::string_view bytes) {
  auto file = create_state_file();
  if (!file) return file;
  if (auto sealed = seal_state_in(file.value(), bytes); !sealed) return sealed.error();
  return file;
}

StateBytes::~StateBytes() {
  if (begin_ != nullptr) (void)::munmap(begin_, size_);
}

std::string_view StateBytes::bytes() const {
  return {static_cast<const char*>(begin_) + sizeof(Header), size_ - sizeof(Header)};
}

Result<StateBytes> read_state(const Fd& file) {
  // Without seals the file could change while it is read. Files other than memfds have no seals.
  const int seals = ::fcntl(file.get(), F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals) return Error{"the state is not a sealed memfd"};
  struct stat status {};
  if (::fstat(file.get(), &status) < 0) return system_error("the state");
  Header header;
  const Header expected;
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size < sizeof(header)) return Error{"the state was not written by a supervisor"};
  void* begin = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (begin == MAP_FAILED) return system_error("map the state");
  StateBytes state(begin, size);
  std::memcpy(&header, begin, sizeof(header));
  if (std::memcmp(header.magic, expected.magic, sizeof(header.magic)) != 0)
    return Error{"the state was not written by a supervisor"};
  if (header.format != kStateFormat) {
    return Error{fmt::format("the state is of format {}, and this program understands format {}",
                             header.format, kStateFormat)};
  }
  if (size != sizeof(header) + header.length) {
    return Error{
        fmt::format("the state is {} bytes long and should be {}", size, sizeof(header) + header.length)};
  }
  if (checksum_of(state.bytes()) != header.checksum)
    return Error{"the state is damaged: its checksum is wrong"};
  return state;
}

}  // namespace prefork

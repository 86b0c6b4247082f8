#include "worker/proxy_header.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <utility>

#include "proto/export.h"
#include "worker/c/prefork_proxy_header.h"

using prefork::worker::ProxyEnd;
using prefork::worker::ProxyHeader;

struct prefork_proxy_header {
  ProxyHeader header;
};

namespace {

void explain(char* why, size_t size, const std::string& text) {
  if (why != nullptr && size > 0) (void)std::snprintf(why, size, "%s", text.c_str());
}

const sockaddr* address_of(const ProxyEnd& end, socklen_t* length) {
  *length = end.length;
  return end.length == 0 ? nullptr : reinterpret_cast<const sockaddr*>(&end.address);
}

}  // namespace

extern "C" {

PREFORK_API prefork_proxy_header* prefork_read_proxy_header(int socket, int timeout_ms, char* why,
                                                            size_t why_size) {
  explain(why, why_size, "");
  try {
    auto header = prefork::worker::read_proxy_header(socket, std::chrono::milliseconds(timeout_ms));
    if (header) return new prefork_proxy_header{std::move(header).value()};
    explain(why, why_size, header.error().what);
    errno = header.error().code.value();
  } catch (...) {
    explain(why, why_size, "PROXY header: no memory");
    errno = ENOMEM;
  }
  return nullptr;
}

PREFORK_API void prefork_proxy_header_free(prefork_proxy_header* header) { delete header; }

PREFORK_API int prefork_proxy_header_version(const prefork_proxy_header* header) {
  return static_cast<int>(header->header.version);
}

PREFORK_API int prefork_proxy_header_local(const prefork_proxy_header* header) {
  return header->header.local ? 1 : 0;
}

PREFORK_API const sockaddr* prefork_proxy_header_source(const prefork_proxy_header* header,
                                                        socklen_t* length) {
  return address_of(header->header.source, length);
}

PREFORK_API const sockaddr* prefork_proxy_header_destination(const prefork_proxy_header* header,
                                                             socklen_t* length) {
  return address_of(header->header.destination, length);
}

PREFORK_API int prefork_proxy_header_field(const prefork_proxy_header* header, size_t index, uint8_t* type,
                                           const void** value, size_t* length) {
  if (index >= header->header.fields.size()) {
    errno = ENOENT;
    return -1;
  }
  const auto& field = header->header.fields[index];
  *type = field.type;
  *value = field.value.data();
  *length = field.value.size();
  return 0;
}

}  // extern "C"

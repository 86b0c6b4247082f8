#include "config/listen_reader.h"

#include <nlohmann/json.hpp>
#include <string_view>
#include <utility>

#include "config/json_access.h"
#include "config/listen_address.h"
#include "config/machine_check.h"
#include "config/relative_path.h"
#include "config/schema_words.h"
#include "proto/digits.h"

namespace prefork {

std::vector<ListenAddress> ListenReader::read(const Document& pool, const std::string& pool_pointer,
                                              const char* key) {
  std::vector<ListenAddress> addresses;
  const Document& listen = section(pool, key);
  const std::string pointer = child_pointer(pool_pointer, key);
  if (listen.is_array()) {
    for (std::size_t i = 0; i < listen.size(); ++i) read_one(listen[i], child_pointer(pointer, i), addresses);
  } else {
    read_one(listen, pointer, addresses);
  }
  return addresses;
}

void ListenReader::read_one(const Document& value, const std::string& pointer,
                            std::vector<ListenAddress>& into) {
  const std::string* text =
      value.is_string() ? &value.get_ref<const std::string&>() : find_string(value, "address");
  const std::string text_pointer = value.is_object() ? child_pointer(pointer, "address") : pointer;
  if (text == nullptr || problems_.about(text_pointer)) return;
  auto parsed = parse(*text);
  if (!parsed)
    return problems_.add(text_pointer, in_quotes(*text) + " is not allowed: " + parsed.error().what);
  ListenAddress address = std::move(parsed).value();
  read_attributes(value, pointer, address);
  for (const Place& place : taken_) {
    const bool kernel_chooses = address.kind == ListenAddress::Kind::kTcp && address.port == 0;
    if (kernel_chooses || !(same_place(place.address, address) || overlap(place.address, address))) continue;
    std::string why = place.pointer + " listens there already";
    if (!same_place(place.address, address))
      why = "it overlaps " + in_quotes(place.address.text()) + ", " + place.pointer;
    problems_.add(text_pointer, in_quotes(*text) + " is not allowed: " + why + "; remove one of them");
    return;
  }
  if (machine_ != nullptr) check_listener(address, pointer, *machine_, problems_);
  taken_.push_back({address, text_pointer});
  into.push_back(std::move(address));
}

Result<ListenAddress> ListenReader::parse(const std::string& text) const {
  constexpr std::string_view kUnix = "unix:";
  const std::string path = text.starts_with(kUnix) ? text.substr(kUnix.size()) : "";
  if (path.empty() || path.starts_with('@')) return parse_listen_address(text);
  return parse_listen_address(std::string(kUnix) + in_directory(path, directory_));
}

void ListenReader::read_attributes(const Document& value, const std::string& pointer,
                                   ListenAddress& address) {
  read_integer(value, "backlog", address.backlog);
  read_account(value, "owner", address.owner);
  read_account(value, "group", address.group);
  read_value(value, "reuse_port", address.reuse_port);
  read_value(value, "proxy_protocol", address.proxy_protocol);
  const std::string* mode = find_string(value, "mode");
  if (mode == nullptr || problems_.about(child_pointer(pointer, "mode"))) return;
  constexpr int kOctal = 8;
  address.mode = parse_digits<mode_t>(*mode, kOctal);
}

}  // namespace prefork

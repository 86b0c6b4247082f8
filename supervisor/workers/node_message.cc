#include "supervisor/workers/node_message.h"

#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace prefork {
namespace {

using Json = nlohmann::json;

std::string* text_member(NodeMessage& message, std::string_view name) {
  if (name == "cmd") return &message.cmd;
  if (name == "act") return &message.act;
  if (name == "key") return &message.key;
  if (name == "data") return &message.data;
  if (name == "address") return &message.address;
  if (name == "ticket") return &message.ticket;
  if (name == "memo") return &message.memo;
  if (name == "text") return &message.text;
  return nullptr;
}

std::optional<std::int64_t>* number_member(NodeMessage& message, std::string_view name) {
  if (name == "seq") return &message.seq;
  if (name == "ack") return &message.ack;
  if (name == "port") return &message.port;
  if (name == "addressType") return &message.address_type;
  if (name == "fd") return &message.descriptor;
  if (name == "flags") return &message.flags;
  if (name == "value") return &message.value;
  return nullptr;
}

/// Fills in the members of the outermost object. Of a name that comes twice the last value counts, as in
/// Node.
class LineReader final : public nlohmann::json_sax<Json> {
 public:
  explicit LineReader(NodeMessage& message) : message_(message) {}

  bool null() override { return forget(); }
  bool boolean(bool value) override {
    forget();
    if (depth_ == 1 && name_ == "accepted") message_.accepted = value;
    return true;
  }
  bool number_integer(number_integer_t value) override { return number(value); }
  bool number_unsigned(number_unsigned_t value) override {
    const bool fits = value <= static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    return fits ? number(static_cast<std::int64_t>(value)) : forget();
  }
  bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return forget(); }
  bool string(string_t& value) override {
    forget();
    if (std::string* member = depth_ == 1 ? text_member(message_, name_) : nullptr)
      *member = std::move(value);
    return true;
  }
  bool binary(binary_t& /*value*/) override { return true; }
  bool start_object(std::size_t /*size*/) override { return enter(); }
  bool key(string_t& name) override {
    if (depth_ == 1) name_ = std::move(name);
    return true;
  }
  bool end_object() override { return leave(); }
  // A list is no object: the names in an object that it holds are none of ours.
  bool start_array(std::size_t /*size*/) override { return enter() && enter(); }
  bool end_array() override { return leave() && leave(); }
  bool parse_error(std::size_t /*at*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) override {
    return false;
  }

 private:
  bool number(std::int64_t value) {
    forget();
    if (auto* member = depth_ == 1 ? number_member(message_, name_) : nullptr) *member = value;
    return true;
  }
  bool enter() {
    forget();
    ++depth_;
    return true;
  }
  bool leave() {
    --depth_;
    return true;
  }
  /// The value of before, if the name comes twice.
  bool forget() {
    if (depth_ != 1) return true;
    if (std::string* text = text_member(message_, name_)) text->clear();
    if (auto* number = number_member(message_, name_)) number->reset();
    if (name_ == "accepted") message_.accepted.reset();
    return true;
  }

  NodeMessage& message_;
  std::string name_;
  std::size_t depth_ = 0;  ///< a list counts twice
};

std::optional<NodeMessage> parse(std::string_view line) {
  NodeMessage message;
  LineReader reader(message);
  if (!Json::sax_parse(line.begin(), line.end(), &reader)) return std::nullopt;
  return message;
}

}  // namespace

std::optional<NodeMessage> parse_node_line(std::string_view line) {
  auto message = parse(line);
  if (message) return message;
  // JavaScript writes half a pair of surrogates as it is, which the parser refuses: an application may send
  // any text. Such escapes become others.
  std::string text(line);
  bool changed = false;
  for (std::size_t at = 0; at + 2 < text.size(); ++at) {
    if (text[at] != '\\' || text[at + 1] != 'u' || (text[at + 2] != 'd' && text[at + 2] != 'D')) continue;
    text[at + 2] = '1';
    changed = true;
  }
  return changed ? parse(text) : std::nullopt;
}

}  // namespace prefork

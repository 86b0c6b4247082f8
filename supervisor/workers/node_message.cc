#include "supervisor/workers/node_message.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
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

/// Reads an object whose members are texts without escapes, whole numbers and booleans: the lines that come
/// for each connection, at a fraction of what the library takes for them. Of anything else it knows nothing.
class PlainLine {
 public:
  explicit PlainLine(std::string_view line) : rest_(line) {}

  std::optional<NodeMessage> read() {
    NodeMessage message;
    LineReader members(message);
    (void)members.start_object(0);
    if (!skip('{')) return std::nullopt;
    do {
      std::string name;
      if (!text(name) || !members.key(name) || !skip(':') || !value(members)) return std::nullopt;
    } while (skip(','));
    return skip('}') && rest_.empty() ? std::optional(std::move(message)) : std::nullopt;
  }

 private:
  bool skip(char wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip(std::string_view wanted) {
    if (!rest_.starts_with(wanted)) return false;
    rest_.remove_prefix(wanted.size());
    return true;
  }
  bool text(std::string& to) {
    if (!skip('"')) return false;
    const auto is_plain = [](char each) { return each >= ' ' && each <= '~' && each != '"' && each != '\\'; };
    const auto end = std::find_if_not(rest_.begin(), rest_.end(), is_plain);
    to.assign(rest_.begin(), end);
    rest_.remove_prefix(to.size());
    return skip('"');
  }
  bool value(LineReader& members) {
    if (skip("true")) return members.boolean(true);
    if (skip("false")) return members.boolean(false);
    if (rest_.starts_with('"')) {
      std::string value;
      return text(value) && members.string(value);
    }
    // Neither 007 nor -0, which are not the same for all.
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    const bool padded = rest_.size() > 1 && rest_[0] == '0' && end != rest_.data() + 1;
    if (error != std::errc() || rest_.starts_with('-') || padded) return false;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return members.number_integer(number);
  }

  std::string_view rest_;
};

std::optional<NodeMessage> parse(std::string_view line) {
  NodeMessage message;
  LineReader reader(message);
  if (!Json::sax_parse(line.begin(), line.end(), &reader)) return std::nullopt;
  return message;
}

}  // namespace

std::optional<NodeMessage> parse_node_line(std::string_view line) {
  auto message = PlainLine(line).read();
  if (message) return message;
  message = parse(line);
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

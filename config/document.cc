#include "config/document.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "config/schema_words.h"
#include "config/syntax_hint.h"

namespace prefork {
namespace {

/// Builds the document while the text is parsed, so that the limits apply before memory is used.
class Builder : public nlohmann::json_sax<Document> {
 public:
  Builder(std::string_view text, Document& root, Problems& problems)
      : text_(text), root_(root), problems_(problems) {}

  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(number_integer_t v) override { return value(v); }
  bool number_unsigned(number_unsigned_t v) override { return value(v); }
  bool number_float(number_float_t v, const string_t&) override { return value(v); }
  bool string(string_t& v) override { return value(std::move(v)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(Document::object()); }
  bool start_array(std::size_t) override { return open(Document::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& v) override;
  bool parse_error(std::size_t position, const std::string& last_token,
                   const nlohmann::detail::exception& error) override;

 private:
  struct Level {
    Document* container;
    std::string pointer;
    std::string key;  ///< in an object: the key of the next value
  };

  [[nodiscard]] std::string here() const;
  Document* place(Document v);
  bool value(Document v) { return place(std::move(v)) != nullptr; }
  bool open(Document container);
  bool close();
  bool refuse(const std::string& what);

  std::string_view text_;
  Document& root_;
  Problems& problems_;
  std::vector<Level> levels_;
  std::size_t values_ = 0;
};

bool Builder::refuse(const std::string& what) {
  problems_.add(here(), what);
  return false;
}

/// The pointer of the value that is being placed.
std::string Builder::here() const {
  if (levels_.empty()) return "";
  const Level& level = levels_.back();
  if (level.container->is_array()) return child_pointer(level.pointer, level.container->size());
  return child_pointer(level.pointer, json_escaped(level.key));
}

Document* Builder::place(Document v) {
  if (++values_ > kMaxValues) {
    refuse("the file holds more than " + std::to_string(kMaxValues) + " values");
    return nullptr;
  }
  if (levels_.empty()) {
    root_ = std::move(v);
    return &root_;
  }
  Level& level = levels_.back();
  if (level.container->size() >= kMaxElements) {
    problems_.add(level.pointer, "has more than " + std::to_string(kMaxElements) + " elements");
    return nullptr;
  }
  if (level.container->is_array()) {
    level.container->push_back(std::move(v));
    return &level.container->back();
  }
  Document& slot = (*level.container)[level.key];
  slot = std::move(v);
  return &slot;
}

bool Builder::open(Document container) {
  if (levels_.size() >= kMaxDepth) {
    return refuse("is nested deeper than " + std::to_string(kMaxDepth) + " levels");
  }
  std::string pointer = here();
  Document* placed = place(std::move(container));
  if (placed == nullptr) return false;
  levels_.push_back({placed, std::move(pointer), ""});
  return true;
}

bool Builder::close() {
  levels_.pop_back();
  return true;
}

bool Builder::key(string_t& v) {
  Level& level = levels_.back();
  if (v.size() > kMaxKeyBytes) {
    problems_.add(level.pointer, "has a key of more than " + std::to_string(kMaxKeyBytes) + " bytes");
    return false;
  }
  level.key = std::move(v);
  if (level.container->contains(level.key)) {
    problems_.add(here(), "the key " + in_quotes(level.key) + " stands here twice; remove one");
  }
  return true;
}

std::string line_and_column(std::string_view text, std::size_t bytes_read) {
  const std::string_view read = text.substr(0, std::min(text.size(), bytes_read == 0 ? 0 : bytes_read - 1));
  const auto line = std::count(read.begin(), read.end(), '\n') + 1;
  const std::size_t column = read.size() - (read.rfind('\n') + 1) + 1;
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

/// The library's own words: without its preamble, and without its quotation of the text, which may be long
/// and not printable.
std::string reason_in(std::string what, const std::string& last_token) {
  const std::size_t preamble = what.find(" - ");
  if (preamble != std::string::npos) what.erase(0, preamble + 3);
  const std::string quotation = "; last read: '" + last_token + "'";
  const std::size_t quoted_at = what.find(quotation);
  if (quoted_at != std::string::npos) what.erase(quoted_at, quotation.size());
  return what;
}

bool Builder::parse_error(std::size_t position, const std::string& last_token,
                          const nlohmann::detail::exception& error) {
  constexpr int kNumberOverflow = 406;
  std::string reason =
      error.id == kNumberOverflow ? "the number is too large" : reason_in(error.what(), last_token);
  // The position is the beginning of a valid token in the wrong place, and the error inside of an invalid
  // token.
  const bool whole = reason.starts_with("unexpected string") || reason.starts_with("unexpected number");
  if (whole && last_token.size() < position) position -= last_token.size() - 1;
  // `position` counts the bytes that were read, with the wrong one.
  std::size_t begin = position == 0 ? 0 : position - 1;
  if (reason.starts_with("invalid literal")) begin = word_begin(text_, begin);
  const std::string hint = syntax_hint(reason, text_, begin);
  // What the parser expected there leads away from a word whose meaning is clear.
  if (!hint.empty() && reason.starts_with("invalid literal")) reason = "invalid literal";
  problems_.add("", line_and_column(text_, begin + 1) + reason + hint);
  return false;
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n") == std::string_view::npos; }

}  // namespace

std::optional<Document> parse_document(std::string_view text, Problems& problems) {
  constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF")) {
    problems.add("", "is UTF-16; it must be UTF-8");
    return std::nullopt;
  }
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  if (is_blank(text)) {
    problems.add("", R"(is empty; the least that it needs is {"listen": ":8080", "command": ["program"]})");
    return std::nullopt;
  }
  // The parser would take a NUL byte for the end of the text and ignore the rest.
  if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos) {
    problems.add("", line_and_column(text, nul + 1) + "a NUL byte is not allowed");
    return std::nullopt;
  }
  Document root;
  Builder builder(text, root, problems);
  const bool read = Document::sax_parse(text.begin(), text.end(), &builder,
                                        nlohmann::detail::input_format_t::json, true, true);
  if (!read) return std::nullopt;
  return root;
}

}  // namespace prefork

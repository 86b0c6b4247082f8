#include "config/syntax_hint.h"

#include <algorithm>
#include <cctype>
#include <initializer_list>

#include "config/schema_words.h"

namespace prefork {
namespace {

bool in_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '-'; }

std::string_view word_at(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size() && in_word(text[end])) ++end;
  return text.substr(begin, end - begin);
}

bool is_one_of(std::string word, std::initializer_list<std::string_view> words) {
  std::transform(word.begin(), word.end(), word.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(words.begin(), words.end(), word) != words.end();
}

bool is_number_like(const std::string& word) {
  return std::isdigit(static_cast<unsigned char>(word.front())) != 0;
}

std::string hint_for_word(const std::string& word) {
  // "30s" is a duration without its quotes, but 0x10 and 1_000 are numbers.
  if (is_number_like(word) && (word.find('_') != std::string::npos || word.starts_with("0x")))
    return "; a number is written in decimal digits only";
  if (is_one_of(word, {"true", "yes", "on"})) return "; write true";
  if (is_one_of(word, {"false", "no", "off"})) return "; write false";
  if (is_one_of(word, {"none", "null", "nil", "undefined"})) return "; leave the key out to get its default";
  return "; a string is written in double quotes: " + in_quotes(word);
}

}  // namespace

std::size_t word_begin(std::string_view text, std::size_t position) {
  while (position > 0 && position <= text.size() && in_word(text[position - 1])) --position;
  return position;
}

std::string syntax_hint(std::string_view reason, std::string_view text, std::size_t begin) {
  // Other dialects of JSON allow a comma after the last element.
  if (reason.starts_with("unexpected '}'; expected str") || reason.starts_with("unexpected ']'; "))
    return "; is there a comma too many before it?";
  if (reason.starts_with("unexpected number literal; expected '") && begin > 0 && text[begin - 1] == '0')
    return "; a number does not begin with 0";
  if (reason.starts_with("unexpected string literal; expected '}'") ||
      reason.starts_with("unexpected string literal; expected ']'"))
    return "; is a comma missing before it?";
  if (reason.ends_with("expected end of input"))
    return "; the file is one object, and ends with its \"}\"; remove what follows it";
  if (reason.find("forbidden character after backslash") != std::string_view::npos)
    return R"(; a backslash in a string is written \\)";
  if (reason.find("ill-formed UTF-8") != std::string_view::npos)
    return "; the file must be UTF-8: save it in that encoding";
  if (!reason.starts_with("invalid literal") || begin >= text.size()) return "";
  if (text[begin] == '\xe2') return "; a string is written in straight double quotes";
  if (text[begin] == '\'') return "; a string is written in double quotes";
  if (text[begin] == '#') return "; a comment is written as // or /* */";
  if (text[begin] == '+') return "; a number is written in decimal digits only";
  const std::string word(word_at(text, begin));
  if (word.empty()) return "";
  if (const std::size_t first = text.find_first_not_of(" \t\r\n"); first == begin || text[first] == '[')
    return "; the file is one JSON object, such as {\"listen\": \":8080\", \"command\": [\"program\"]}";
  if (begin > 0 && text[begin - 1] == '"') return "; is a double quote missing before it?";
  if (reason.find("expected string literal") != std::string_view::npos)
    return "; a key is written in double quotes: " + in_quotes(word);
  return hint_for_word(word);
}

}  // namespace prefork

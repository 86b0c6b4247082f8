#include "proto/nearest_word.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "proto/joined.h"

namespace prefork {
namespace {

/// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`.
std::size_t distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_last;
  std::vector<std::size_t> last(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::vector<std::size_t> row(b.size() + 1, i);
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], before_last[j - 2] + 1);
    }
    before_last = std::exchange(last, std::move(row));
  }
  return last.back();
}

std::string folded(std::string_view word) {
  std::string result(word);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-' || c == ' ') c = '_';
  }
  return result;
}

}  // namespace

std::string nearest(std::string_view word, const std::vector<std::string>& known) {
  const std::string wanted = folded(word);
  std::string best;
  // Two changes make almost any short word of another.
  std::size_t best_distance = std::max<std::size_t>(word.size() <= 4 ? 1 : 2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    const std::size_t steps = distance(wanted, folded(candidate));
    if (steps < best_distance && steps < candidate.size()) {
      best = candidate;
      best_distance = steps;
    }
  }
  return best;
}

std::vector<std::string> with_part(std::string_view part, const std::vector<std::string>& known) {
  const std::string wanted = '_' + folded(part) + '_';
  std::vector<std::string> found;
  for (const std::string& candidate : known) {
    if (('_' + folded(candidate) + '_').find(wanted) != std::string::npos) found.push_back(candidate);
  }
  return found;
}

std::string not_known(const std::string& word, const std::string& what,
                      const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  return word + " is not " + what +
         (near.empty() ? "; known are " + joined(known) : "; did you mean " + near + "?");
}

}  // namespace prefork

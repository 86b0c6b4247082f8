#include "supervisor/control/rights.h"

#include <cstddef>

namespace prefork {
namespace {

/// Looks at all bytes of `given`, wherever the first difference is.
bool same_secret(std::string_view secret, std::string_view given) {
  volatile unsigned char difference = secret.size() == given.size() ? 0 : 1;
  for (std::size_t i = 0; i < given.size(); ++i) {
    const unsigned char own = static_cast<unsigned char>(secret[i % secret.size()]);
    difference = static_cast<unsigned char>(difference | (own ^ static_cast<unsigned char>(given[i])));
  }
  return difference == 0;
}

}  // namespace

std::string_view denial(const Rights& rights, MethodKind kind, const std::optional<std::string>& token) {
  if (!rights.limited || kind == MethodKind::kReads) return "";
  if (kind == MethodKind::kOwnerOnly) return "the admin process may not do this";
  if (rights.token.empty()) return "the admin page is read-only: no admin_token_file is configured";
  if (!token || !same_secret(rights.token, *token)) return "the token is wrong";
  return "";
}

}  // namespace prefork

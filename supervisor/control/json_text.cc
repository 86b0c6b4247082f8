#include "supervisor/control/json_text.h"

#include <nlohmann/json.hpp>

namespace prefork {

std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace prefork

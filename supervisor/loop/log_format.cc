#include "supervisor/loop/log_format.h"

#include <spdlog/details/log_msg.h>
#include <spdlog/pattern_formatter.h>

#include <nlohmann/json.hpp>
#include <string>

namespace prefork {
namespace {

using Json = nlohmann::ordered_json;

std::string_view text_of(const spdlog::string_view_t& text) { return {text.data(), text.size()}; }

class JsonFormatter final : public spdlog::formatter {
 public:
  explicit JsonFormatter(const LogFields& fields) : fields_(fields) {}

  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& to) override {
    spdlog::memory_buf_t time;
    time_.format(message, time);
    Json line = {{"time", std::string_view(time.data(), time.size())},
                 {"level", text_of(spdlog::level::to_string_view(message.level))},
                 {"message", text_of(message.payload)}};
    if (message.logger_name.size() > 0) add_fields(line);
    const std::string text =
        line.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace) + '\n';
    to.append(text.data(), text.data() + text.size());
  }
  [[nodiscard]] std::unique_ptr<spdlog::formatter> clone() const override { return json_formatter(fields_); }

 private:
  void add_fields(Json& line) const {
    if (fields_.subject != nullptr) {
      line["pool"] = fields_.subject->pool;
      if (fields_.subject->worker != 0) line["worker"] = fields_.subject->worker;
      if (fields_.subject->pid != 0) line["pid"] = fields_.subject->pid;
    }
    if (fields_.output) line["stream"] = "output";
  }

  const LogFields& fields_;
  spdlog::pattern_formatter time_{"%Y-%m-%dT%H:%M:%S.%eZ", spdlog::pattern_time_type::utc, ""};
};

}  // namespace

std::unique_ptr<spdlog::formatter> text_formatter() {
  return std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %-7l %v",
                                                     spdlog::pattern_time_type::utc);
}

std::unique_ptr<spdlog::formatter> json_formatter(const LogFields& fields) {
  return std::make_unique<JsonFormatter>(fields);
}

}  // namespace prefork

// Lines of a Node worker as values: short lines are read without the JSON library, and mean the same.
#include "supervisor/workers/node_message.h"

#include <doctest/doctest.h>

#include <string>
#include <tuple>

namespace prefork {
namespace {

auto members(const NodeMessage& m) {
  return std::tie(m.cmd, m.act, m.key, m.data, m.address, m.ticket, m.memo, m.text, m.seq, m.ack, m.port,
                  m.address_type, m.descriptor, m.flags, m.value, m.accepted);
}

TEST_SUITE_BEGIN("node message");

TEST_CASE("a line means the same with and without a space, which only the JSON library reads") {
  const std::string lines[] = {
      R"({"cmd":"PREFORK","act":"idle","ticket":"7 8 9"})",
      R"({"cmd":"PREFORK","act":"begun","seq":7,"accepted":true,"ticket":"18446744073709551615"})",
      R"({"cmd":"NODE_CLUSTER","ack":3,"accepted":false,"seq":0})",
      R"({"seq":9223372036854775807,"value":9223372036854775808,"port":99999999999999999999})",
      R"({"seq":1,"seq":2,"ack":1,"ack":"1","act":"x","act":7,"accepted":true,"accepted":"true"})",
      R"({"cmd":true,"act":false,"seq":true,"accepted":1})",
      R"({"":"","cmd":"","unknown":"x","unknown":1})",
      R"({"seq":-7})",
      R"({"seq":-0})",
      R"({"seq":1.5})",
      R"({"seq":1e3})",
      R"({"seq":0})",
      R"({"data":null})",
      R"({"act":"\u0061"})",
      R"({"a\u0063t":"x"})",
      "{\"act\":\"\xc3\xa9\"}",
      R"({"cmd":"PREFORK","act":"park","ticket":"7","memo":"YQD/"})",
      R"({"cmd":{"cmd":"PREFORK"},"act":["x"]})",
      "{}",
  };
  for (const std::string& line : lines) {
    CAPTURE(line);
    const auto plain = parse_node_line(line);
    const auto spaced = parse_node_line("{ " + line.substr(1));
    REQUIRE(plain.has_value());
    REQUIRE(spaced.has_value());
    CHECK(members(*plain) == members(*spaced));
  }
}

TEST_CASE("FAULTS 360: a line that is nearly one of the short lines is no JSON") {
  const std::string lines[] = {
      R"({"seq":7)",
      R"({"seq":7}})",
      R"({"seq":7},)",
      R"({"seq":007})",
      R"({"seq":7,})",
      R"({"seq":+7})",
      R"({"accepted":truefalse})",
      R"({"accepted":tru})",
      R"({"seq":})",
      R"({"seq"7})",
      R"({"act":"x})",
      R"({"act":"x""seq":7})",
      R"({seq:7})",
      R"({,"seq":7})",
      R"("seq":7})",
      R"({"seq":7x})",
      R"({"act":"\x"})",
      "{\"act\":\"\x1f\"}",
      "{\"act\":\"\xff\"}",
      "{\"act\":\"\x7f\"}}",
  };
  for (const std::string& line : lines) {
    CAPTURE(line);
    CHECK_FALSE(parse_node_line(line).has_value());
  }
}

TEST_SUITE_END();

}  // namespace
}  // namespace prefork

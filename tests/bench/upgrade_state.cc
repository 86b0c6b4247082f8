// How much CPU time the state of an upgrade in place takes to be written and read, and how much memory:
// prints one JSON object. `bench-upgrade-state [CONNECTIONS]`.
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "supervisor/state/state_file.h"
#include "supervisor/state/upgrade_state.h"
#include "tests/state/large_state.h"

namespace {

using namespace prefork;

constexpr std::size_t kConnections = 100'000;
constexpr double kMiB = 1 << 20;

/// A line of /proc/self/status that has kilobytes, in bytes.
double memory(const std::string& field) {
  std::ifstream lines("/proc/self/status");
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":")) return 1024 * std::strtod(line.c_str() + field.size() + 1, nullptr);
  }
  return 0;
}

/// Of this process: other programs of the machine do not count.
double cpu_milliseconds() {
  timespec now{};
  (void)::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) / 1e6;
}

struct Measured {
  double milliseconds = 0;
  double peak = 0;  ///< bytes of memory above those before
};

template <typename Work>
Measured measure(const Work& work) {
  (void)(std::ofstream("/proc/self/clear_refs") << "5");  // VmHWM begins anew
  const double before = memory("VmRSS");
  const double begin = cpu_milliseconds();
  work();
  return {cpu_milliseconds() - begin, memory("VmHWM") - before};
}

Result<SupervisorState> decoded(const Fd& file) {
  auto bytes = read_state(file);
  if (!bytes) return bytes.error();
  return decode_state(bytes.value().bytes());
}

[[noreturn]] void fail(const std::string& what) {
  (void)std::fprintf(stderr, "bench-upgrade-state: %s\n", what.c_str());
  std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t connections = argc > 1 ? std::strtoul(argv[1], nullptr, 10) : kConnections;
  const test::LargePool pool(connections);
  Fd file;
  std::size_t size = 0;
  const Measured writing = measure([&] {
    const std::string bytes = encode_state(pool.state());
    size = bytes.size();
    auto sealed = seal_state(bytes);
    if (!sealed) fail(sealed.error().message());
    file = std::move(sealed).value();
  });
  const Measured reading = measure([&] {
    const auto state = decoded(file);
    if (!state) fail(state.error().message());
    if (const std::string wrong = pool.restore(state.value()); !wrong.empty()) fail(wrong);
  });
  // The file's pages count as well. Where it is read they are mapped, and counted already.
  const double write_mib = (writing.peak + static_cast<double>(size)) / kMiB;
  (void)std::printf(
      "{\"connections\": %zu, \"bytes\": %zu, \"write_ms\": %.1f, \"write_mib\": %.1f, \"read_ms\": %.1f, "
      "\"read_mib\": %.1f}\n",
      connections, size, writing.milliseconds, write_mib, reading.milliseconds, reading.peak / kMiB);
  return 0;
}

// The outputs of templates that are gone: kept for their workers, and a few for what else holds them.
#include "supervisor/pool/template_outputs.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/config/temp_directory.h"
#include "tests/proto/channel_pair.h"

namespace prefork {
namespace {

WorkerId template_id(std::uint32_t number) { return WorkerId::make(number, number); }

/// The processes of a pool, and the ends of pipes that templates' processes hold.
class Outputs final : private WorkerProcess::Owner {
 public:
  /// A worker that this template has forked.
  void fork_worker(std::uint32_t number, WorkerId from) {
    channels_.emplace_back();
    processes_.add(std::make_unique<WorkerProcess>(services_, static_cast<WorkerProcess::Owner&>(*this),
                                                   WorkerId::make(number, number),
                                                   std::move(channels_.back().supervisor), from));
  }
  void end_worker(std::uint32_t number) {
    const auto process = processes_.take(WorkerId::make(number, number));
    outputs.worker_gone(process->from());
  }
  /// A template ends, and a process that holds its output stays.
  void end_template(std::uint32_t number) {
    auto pipe = WorkerOutput::make_pipe();
    REQUIRE(pipe);
    held_.push_back(std::move(pipe.value().theirs));
    auto output = std::make_unique<WorkerOutput>(loop_, log_, output_, output_line_max_,
                                                 std::move(pipe.value().ours), true);
    output->start("web[" + std::to_string(number) + "]");
    outputs.add(template_id(number), std::move(output));
  }
  /// Whether the output that the `index`-th template left is still open.
  [[nodiscard]] bool open(std::size_t index) const {
    pollfd state{.fd = held_.at(index).get(), .events = 0, .revents = 0};
    REQUIRE(::poll(&state, 1, 0) >= 0);
    return (state.revents & POLLERR) == 0;
  }
  [[nodiscard]] std::size_t kept() const { return outputs.state().size(); }
  void release(std::size_t index) {
    held_.at(index).reset();
    loop_.run_once();
    outputs.destroy_ended();
  }
  [[nodiscard]] std::string log() const {
    std::ifstream file(log_file_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  void tell(const Event& /*event*/) override {}
  void has_process(const WorkerProcess& /*worker*/) override {}

  TempDirectory directory_;
  std::string log_file_ = directory_.file("log", "");
  Fd log_descriptor_{::open(log_file_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC)};
  Log log_{log_descriptor_.get()};
  Loop loop_;
  ClientDescriptors clients_;
  SpawnerLink spawner_{loop_, log_, clients_, SpawnerProcess{}, rlimit{}};
  OomCounter oom_{""};
  Datagram datagram_;
  ChildTable children_;
  SharedTurns output_{loop_};
  SharedTurns deaths_{loop_};
  Closer closer_{loop_, log_};
  std::size_t output_line_max_ = 8192;
  WorkerProcess::Services services_{loop_,   log_,    spawner_, oom_,  datagram_,       children_,
                                    output_, deaths_, closer_,  "web", output_line_max_};
  std::vector<test::ChannelPair> channels_;
  std::vector<Fd> held_;
  ProcessTable processes_;

 public:
  TemplateOutputs outputs{services_, processes_};
};

TEST_CASE("FAULTS 107: of the outputs that only a left process holds, the newest few are kept") {
  Outputs pool;
  for (std::uint32_t number = 1; number <= 20; ++number) pool.end_template(number);
  CHECK(pool.kept() == TemplateOutputs::kMaxUnused);
  for (std::size_t index = 0; index < 20; ++index) CHECK(pool.open(index) == (index >= 16));
  const std::string log = pool.log();
  CHECK(log.find("web[1]: the output of this template is closed") != std::string::npos);
  CHECK(log.find("web[2]") == std::string::npos);  // one line a minute
}

TEST_CASE("an output that its template's workers write to is kept as long as they live") {
  Outputs pool;
  pool.fork_worker(101, template_id(1));
  pool.fork_worker(102, template_id(1));
  for (std::uint32_t number = 1; number <= 20; ++number) pool.end_template(number);
  CHECK(pool.kept() == TemplateOutputs::kMaxUnused + 1);
  CHECK(pool.open(0));
  pool.end_worker(101);
  CHECK(pool.open(0));
  pool.end_worker(102);
  CHECK_FALSE(pool.open(0));
  CHECK(pool.kept() == TemplateOutputs::kMaxUnused);
}

TEST_CASE("an output ends when no process holds it any more") {
  Outputs pool;
  pool.end_template(1);
  pool.end_template(2);
  pool.release(0);
  CHECK(pool.kept() == 1);
}

TEST_CASE("after an upgrade in place the workers of a kept output are counted again") {
  Outputs before;
  before.fork_worker(101, template_id(1));
  before.end_template(1);
  std::vector<OutputState> states = before.outputs.state();
  REQUIRE(states.size() == 1);
  CHECK(states[0].origin == template_id(1));
  // Both are in this process: the second one gets a descriptor of its own.
  states[0].pipe = Carried{::fcntl(static_cast<int>(states[0].pipe), F_DUPFD_CLOEXEC, 0)};

  Outputs after;
  bool known = true;
  SUBCASE("the state names the template") {}
  SUBCASE("the state is an older program's") {
    states[0].origin = WorkerId{};
    known = false;
  }
  after.fork_worker(101, template_id(1));
  after.outputs.adopt(states);
  for (std::uint32_t number = 2; number <= 20; ++number) after.end_template(number);
  CHECK(after.kept() == TemplateOutputs::kMaxUnused + 1);
  after.end_worker(101);
  CHECK(after.kept() == TemplateOutputs::kMaxUnused + (known ? 0 : 1));
}

}  // namespace
}  // namespace prefork

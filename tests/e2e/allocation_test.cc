// Once a supervisor is warm, a connection costs it no memory: what it needs is there from earlier
// connections.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "proto/fd.h"
#include "tests/e2e/http_client.h"
#include "tests/support/client.h"
#include "tests/support/pool_text.h"
#include "tests/support/supervisor_under_test.h"
#include "tests/support/test_directory.h"

using namespace prefork::test;

namespace {

/// What the preloaded library has counted.
class AllocationCount {
 public:
  AllocationCount() : path_(directory_.at("count")) {
    const prefork::Fd file(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    REQUIRE(::ftruncate(file.get(), sizeof(std::atomic<long>)) == 0);
    void* shared = ::mmap(nullptr, sizeof(std::atomic<long>), PROT_READ, MAP_SHARED, file.get(), 0);
    REQUIRE(shared != MAP_FAILED);
    count_ = static_cast<const std::atomic<long>*>(shared);
  }
  AllocationCount(const AllocationCount&) = delete;
  AllocationCount& operator=(const AllocationCount&) = delete;
  ~AllocationCount() { ::munmap(const_cast<std::atomic<long>*>(count_), sizeof(*count_)); }

  [[nodiscard]] std::vector<std::string> environment() const {
    return {std::string("LD_PRELOAD=") + COUNT_ALLOCATIONS_LIBRARY, "COUNT_ALLOCATIONS=" + path_};
  }
  [[nodiscard]] long now() const { return *count_; }

 private:
  TestDirectory directory_;
  std::string path_;
  const std::atomic<long>* count_ = nullptr;
};

constexpr int kRounds = 100;
constexpr int kAttempts = 20;

/// More clients than workers come, ask, are parked, ask again and leave, one of them silently.
void come_and_stay(const std::string& address) {
  std::vector<std::unique_ptr<HttpClient>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<HttpClient>(address));
  for (int request = 0; request < 2; ++request) {
    for (std::size_t i = 1; i < clients.size(); ++i) clients[i]->ask();
    for (std::size_t i = 1; i < clients.size(); ++i) CHECK(clients[i]->answer() != 0);
  }
}

/// More clients than workers come, ask once and leave.
void come_and_go(const std::string& address) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 8; ++i) clients.push_back(std::make_unique<Client>(address));
  for (const auto& client : clients) client->send("hello");
  for (const auto& client : clients) CHECK(client->receive() == "hello");
}

template <typename Serve>
void check_nothing_is_allocated(const PoolText& pool, Serve serve) {
  const AllocationCount allocations;
  // Events are told only where there is a control socket, and they are kept in memory.
  PoolText silent = pool;
  silent.control = false;
  silent.more += std::string(silent.more.empty() ? "" : ", ") + R"("control": false)";
  SupervisorUnderTest supervisor(silent.text(), {.environment = allocations.environment()});
  eventually("it has spawners and two workers", [&] { return children_of(supervisor.pid()).size() == 4; });
  const std::string address = supervisor.address();
  CHECK(allocations.now() > 0);
  // On a busy machine more than ever before may come together late, and take room once. What a connection
  // costs would show each time.
  long allocated = 0;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const long before = allocations.now();
    for (int round = 0; round < kRounds; ++round) serve(address);
    allocated = allocations.now() - before;
    if (allocated == 0) break;
  }
  CHECK(allocated == 0);
  supervisor.rewrite_config(pool);  // for the destructor's check
  supervisor.signal(SIGHUP);
  supervisor.wait_for_log("control socket at");  // its file is there before it listens
}

}  // namespace

TEST_CASE("a warm supervisor allocates nothing for a connection that is queued and served") {
  check_nothing_is_allocated({.workers = 2}, come_and_go);
}

TEST_CASE("a warm supervisor allocates nothing for a connection of the classic protocol") {
  check_nothing_is_allocated(
      {.command = {"classic-worker", "echo"}, .workers = 2, .more = R"("protocol": "classic")"}, come_and_go);
}

TEST_CASE("a warm supervisor allocates nothing for a connection that is waited for, parked and counted") {
  check_nothing_is_allocated(
      {.command = {"supervisor-worker", "http"},
       .workers = 2,
       .more = R"("wait_for_data": true, "keep_alive": {"park": true}, "connections_per_address": 1000,
                  "queue": {"order": "adaptive", "fairness": "address", "full": "reject"})"},
      come_and_stay);
}

// Client threads that connect, send a request and read to the end, again and again. They count the outcome of
// each connection.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

namespace prefork::test {

class Load {
 public:
  struct Tally {
    std::uint64_t connected = 0;
    std::uint64_t answered = 0;
    std::uint64_t nothing = 0;                  ///< ended without a byte of answer
    std::uint64_t hung = 0;                     ///< neither answered nor ended in time
    std::uint64_t refused = 0;                  ///< could not connect
    std::map<pid_t, std::uint64_t> answers_of;  ///< by the worker that answered: "OK <pid>\n"

    void add(const Tally& other);
    [[nodiscard]] bool flawless() const { return answered == connected && hung == 0 && refused == 0; }
  };

  /// `address`: HOST:PORT, numeric, or unix:/path. The workers are `supervisor-worker line`.
  Load(const std::string& address, std::string request, unsigned threads);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  ~Load();

  /// Lets each thread finish its connection, and returns the sum of all tallies.
  Tally stop();
  [[nodiscard]] std::uint64_t answered() const { return answered_; }
  /// Waits until this many more connections were answered.
  void wait_for_answers(std::uint64_t count) const;

 private:
  void run(Tally& tally);
  void ask(Tally& tally);

  std::string address_;
  std::string request_;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> answered_ = 0;
  std::vector<Tally> tallies_;  ///< one for each thread
  std::vector<std::thread> threads_;
};

}  // namespace prefork::test

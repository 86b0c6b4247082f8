// What the processes of one worker know together: which connection is held by which of them, and how far the
// worker is. It lies in memory that fork() shares, and outlives the death of any process at any point: each
// fact is one atomic, and of two processes that find the last one gone, one says so. exec() loses it.
#pragma once

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace prefork::accept {

inline constexpr std::uint32_t kMaxConnections = 4096;
inline constexpr std::uint32_t kMaxProcesses = 1024;
inline constexpr std::uint32_t kNoRow = 0xffffffff;

struct TreeProcess {
  std::atomic<int> pid;  ///< 0: the row is free; -1: the process is being made
  std::atomic<std::uint32_t> parent;
  std::atomic<int> listeners;  ///< descriptors of listeners in this process
  std::atomic<std::uint64_t> holds[kMaxConnections / 64];
};

struct TreeConnection {
  std::atomic<std::uint64_t> ticket;
  std::atomic<std::uint32_t> holders;
  std::atomic<int> family;  ///< of the listener, as the program sees it
  std::atomic<bool> told;   ///< Busy was sent for sure
};

class Tree {
 public:
  /// The memory that all share; null without memory.
  static Tree* create();

  /// Takes a row for a connection that `process` holds; kNoRow when there is none.
  std::uint32_t begin(std::uint32_t process, std::uint64_t ticket, int family);
  /// Removes a connection without a word, as if it had not begun.
  void forget(std::uint32_t process, std::uint32_t connection);
  /// Returns the ticket when this was the last process that held it, else 0.
  [[nodiscard]] std::uint64_t let_go(std::uint32_t process, std::uint32_t connection);
  void hold(std::uint32_t process, std::uint32_t connection);
  [[nodiscard]] bool holds(std::uint32_t process, std::uint32_t connection) const;
  [[nodiscard]] bool holds_any(std::uint32_t process) const;
  template <typename Each>
  void each_held(std::uint32_t process, Each each) const {
    for (std::uint32_t word = 0; word < kMaxConnections / 64; ++word) {
      std::uint64_t bits = processes_[process].holds[word].load(std::memory_order_relaxed);
      for (; bits != 0; bits &= bits - 1)
        each(word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits)));
    }
  }

  /// A row for a child of `parent`; kNoRow when there is none.
  std::uint32_t new_process(std::uint32_t parent);
  void free_process(std::uint32_t process);

  /// Returns whether that was the last one of all processes.
  bool listeners_less(std::uint32_t process, int count);
  void listeners_more(std::uint32_t process, int count);

  [[nodiscard]] const TreeConnection& connection(std::uint32_t index) const { return connections_[index]; }
  void told(std::uint32_t connection) { connections_[connection].told = true; }
  [[nodiscard]] TreeProcess& process(std::uint32_t index) { return processes_[index]; }
  [[nodiscard]] int open() const { return open_.load(); }
  [[nodiscard]] int listeners() const { return listeners_.load(); }
  /// Processes that are not known to be dead.
  [[nodiscard]] int living() const { return living_.load(std::memory_order_relaxed); }
  /// Whether more than one process of the worker lives.
  [[nodiscard]] bool shared() const { return living() > 1; }

  std::atomic<bool> ready;      ///< Ready was sent
  std::atomic<bool> draining;   ///< Drain came
  std::atomic<bool> ended;      ///< the channel has ended
  std::atomic<bool> left;       ///< Leave was sent
  std::atomic<bool> given_up;   ///< and the program is to end
  std::atomic<bool> finishing;  ///< the program has been told to end
  std::atomic<int> owner;       ///< the process that called listen(); it gets the signal

 private:
  std::atomic<int> open_;
  std::atomic<int> listeners_;
  std::atomic<int> living_;
  std::atomic<std::uint64_t> used_[kMaxConnections / 64];
  TreeConnection connections_[kMaxConnections];
  TreeProcess processes_[kMaxProcesses];
};

}  // namespace prefork::accept

#include "tests/e2e/load.h"

#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <string_view>
#include <utility>

#include "proto/fd.h"
#include "tests/e2e/connect.h"
#include "tests/support/eventually.h"

namespace prefork::test {
namespace {

Fd connect_to(const std::string& address) {
  constexpr std::string_view kUnix = "unix:";
  return address.starts_with(kUnix) ? connect_unix(address.substr(kUnix.size())) : connect_tcp(address);
}

}  // namespace

void Load::Tally::add(const Tally& other) {
  connected += other.connected;
  answered += other.answered;
  nothing += other.nothing;
  hung += other.hung;
  refused += other.refused;
  for (const auto& [pid, count] : other.answers_of) answers_of[pid] += count;
}

Load::Load(const std::string& address, std::string request, unsigned threads)
    : address_(address), request_(std::move(request)), tallies_(threads) {
  for (Tally& tally : tallies_) threads_.emplace_back([this, &tally] { run(tally); });
}

Load::~Load() { (void)stop(); }

Load::Tally Load::stop() {
  stopping_ = true;
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  Tally sum;
  for (const Tally& tally : tallies_) sum.add(tally);
  return sum;
}

void Load::wait_for_answers(std::uint64_t count) const {
  const std::uint64_t wanted = answered_ + count;
  eventually("more answers", [&] { return answered_ >= wanted; });
}

void Load::run(Tally& tally) {
  while (!stopping_) ask(tally);
}

void Load::ask(Tally& tally) {
  const Fd socket = connect_to(address_);
  if (!socket.valid()) {
    ++tally.refused;
    // As a client would; without it the threads would do nothing else.
    const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
    (void)::nanosleep(&pause, nullptr);
    return;
  }
  ++tally.connected;
  // One that has been closed already, or is reset meanwhile, is for recv() to see.
  (void)::send(socket.get(), request_.data(), request_.size(), MSG_NOSIGNAL);
  std::string answer;
  std::array<char, 256> buffer{};
  ssize_t size = 0;
  while ((size = ::recv(socket.get(), buffer.data(), buffer.size(), 0)) > 0) {
    answer.append(buffer.data(), static_cast<std::size_t>(size));
  }
  if (size < 0 && errno == EAGAIN) {
    ++tally.hung;
  } else if (answer.starts_with("OK ")) {
    ++tally.answered;
    ++tally.answers_of[static_cast<pid_t>(std::strtol(answer.c_str() + 3, nullptr, 10))];
    ++answered_;
  } else {
    ++tally.nothing;
  }
}

}  // namespace prefork::test

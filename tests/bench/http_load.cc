#include "tests/bench/http_load.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

#include "tests/bench/await.h"

namespace prefork::bench {
namespace {

/// How many clients are warmed up at a time.
constexpr std::size_t kWarmUpAtOnce = 32;

Clock::duration in_ticks(Seconds seconds) { return std::chrono::duration_cast<Clock::duration>(seconds); }

std::string request_of(unsigned milliseconds, bool last) {
  return "GET /?ms=" + std::to_string(milliseconds) + " HTTP/1.1\r\nHost: bench\r\n" +
         (last ? "Connection: close\r\n\r\n" : "\r\n");
}

}  // namespace

Result<HttpLoad> HttpLoad::create(const HttpOptions& options) {
  Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return system_error("epoll_create1");
  return HttpLoad(std::move(epoll), options);
}

HttpLoad::HttpLoad(Fd epoll, const HttpOptions& options)
    : options_(options),
      epoll_(std::move(epoll)),
      requests_{request_of(options.short_ms, options.fresh), request_of(options.long_ms, options.fresh),
                request_of(0, options.fresh)},
      random_(options.seed),
      is_long_(options.long_share) {
  for (std::size_t i = 0; i < options.clients; ++i) add_client();
}

void HttpLoad::add_client() {
  Route route{.server = options_.server};
  if (options_.sources > 0) {
    const auto number = static_cast<std::uint32_t>(clients_.size() % options_.sources);
    route.source.s_addr = htonl(INADDR_LOOPBACK + 1 + number);
  }
  clients_.emplace_back(route);
}

std::size_t HttpLoad::choose_client() {
  if (options_.clients > 0) {
    return std::uniform_int_distribution<std::size_t>(0, clients_.size() - 1)(random_);
  }
  if (done_.empty()) {
    add_client();
    return clients_.size() - 1;
  }
  const std::size_t client = done_.back();
  done_.pop_back();
  return client;
}

std::size_t HttpLoad::warm_up() {
  begin_report({Seconds(0)});
  const Clock::duration a_while = std::chrono::milliseconds(100);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    while (active_ >= kWarmUpAtOnce) wait(Clock::now() + a_while);
    give(i, {.kind = kWarmUp, .phase = 0, .due = Clock::now()});
  }
  finish_all();
  return end_report().phases.front().all.answered();
}

HttpReport HttpLoad::run_closed(Seconds duration) {
  begin_report({duration});
  const Instant start = Clock::now();
  const Instant end = start + in_ticks(duration);
  done_.resize(clients_.size());
  for (std::size_t i = 0; i < clients_.size(); ++i) done_[i] = i;
  while (Clock::now() < end) {
    for (const std::size_t client : std::exchange(done_, {})) {
      give(client, {.kind = choose_kind(), .phase = 0, .due = Clock::now()});
    }
    // A server that is quicker than give() leaves no event to wait for.
    wait(done_.empty() ? end : Instant::min());
  }
  report_.phases.front().duration = Clock::now() - start;
  finish_all();
  return end_report();
}

HttpReport HttpLoad::run_open(const std::vector<Phase>& phases) {
  std::vector<Seconds> durations;
  durations.reserve(phases.size());
  for (const Phase& phase : phases) durations.push_back(phase.duration);
  begin_report(durations);
  Instant end = Clock::now();
  for (std::size_t phase = 0; phase < phases.size(); ++phase) {
    std::exponential_distribution<double> gap(phases[phase].rate);
    Instant next = end + in_ticks(Seconds(gap(random_)));
    end += in_ticks(phases[phase].duration);
    while (next < end) {
      if (Clock::now() < next) {
        wait(next);
        continue;
      }
      const std::size_t client = choose_client();
      const Ask ask{.kind = choose_kind(), .phase = phase, .due = next};
      asked_.push_back(ask);
      arrivals_.push_back({.due = next, .service = service_of(ask.kind), .client = client});
      give(client, ask);
      next += in_ticks(Seconds(gap(random_)));
    }
  }
  finish_all();
  if (options_.ideal_servers > 0) add_ideal();
  return end_report();
}

void HttpLoad::add_ideal() {
  const std::vector<Clock::duration> latencies = ideal_latencies(arrivals_, options_.ideal_servers);
  for (std::size_t i = 0; i < latencies.size(); ++i) {
    if (asked_[i].kind != kShort) continue;
    report_.phases[asked_[i].phase].ideal_short_ones.add(
        {.kind = kShort, .outcome = Outcome::kAnswered, .latency = latencies[i]});
  }
}

Clock::duration HttpLoad::service_of(Kind kind) const {
  return std::chrono::milliseconds(kind == kLong ? options_.long_ms : options_.short_ms);
}

void HttpLoad::begin_report(const std::vector<Seconds>& durations) {
  report_ = {};
  asked_.clear();
  arrivals_.clear();
  done_.clear();
  for (std::size_t i = 0; options_.clients == 0 && i < clients_.size(); ++i) done_.push_back(i);
  for (const Seconds duration : durations) report_.phases.push_back({.duration = duration});
  connections_before_ = 0;
  for (Client& client : clients_) {
    client.answered = 0;
    connections_before_ += client.http.connections();
  }
}

HttpReport HttpLoad::end_report() {
  std::size_t sum = 0;
  std::size_t connections = 0;
  report_.clients = clients_.size();
  report_.least_answered = clients_.empty() ? 0 : clients_.front().answered;
  for (const Client& client : clients_) {
    sum += client.answered;
    report_.least_answered = std::min(report_.least_answered, client.answered);
    connections += client.http.connections();
  }
  report_.mean_answered =
      static_cast<double>(sum) / static_cast<double>(std::max<std::size_t>(report_.clients, 1));
  report_.connections = connections - connections_before_;
  return std::move(report_);
}

void HttpLoad::give(std::size_t client, Ask ask) {
  ask.late = !clients_[client].asks.empty();
  clients_[client].asks.push_back(ask);
  ++active_;
  if (clients_[client].asks.size() == 1) begin(client);
}

void HttpLoad::begin(std::size_t number) {
  Client& client = clients_[number];
  const Instant limit = client.asks.front().due + in_ticks(options_.patience);
  limits_.push({.at = limit, .client = number, .request = client.finished});
  const std::size_t connections = client.http.connections();
  client.http.ask(requests_[client.asks.front().kind]);
  advance(number, connections);
}

void HttpLoad::advance(std::size_t number, std::size_t connections) {
  Client& client = clients_[number];
  const Outcome outcome = client.http.advance();
  if (client.http.connections() != connections && client.http.descriptor() >= 0) {
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.u64 = number}};
    (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.http.descriptor(), &event);
  }
  if (outcome != Outcome::kPending) finish(number, outcome);
}

void HttpLoad::finish(std::size_t number, Outcome outcome) {
  Client& client = clients_[number];
  const Ask ask = client.asks.front();
  client.asks.pop_front();
  ++client.finished;
  --active_;
  if (outcome == Outcome::kAnswered) ++client.answered;
  const Finished finished{.kind = ask.kind, .outcome = outcome, .latency = Clock::now() - ask.due};
  PhaseReport& phase = report_.phases[ask.phase];
  phase.all.add(finished);
  (ask.kind == kLong ? phase.long_ones : phase.short_ones).add(finished);
  if (ask.kind == kShort && !ask.late) phase.prompt.add(finished);
  (client.asks.empty() ? done_ : late_).push_back(number);
}

void HttpLoad::wait(Instant until) {
  for (const std::size_t client : std::exchange(late_, {})) begin(client);
  if (!late_.empty()) until = Instant::min();
  if (!limits_.empty()) until = std::min(until, limits_.top().at);
  std::array<epoll_event, 256> events;
  const std::size_t ready = await_events(epoll_, events, until);
  for (std::size_t i = 0; i < ready; ++i) {
    const std::size_t client = events[i].data.u64;
    advance(client, clients_[client].http.connections());
  }
  lose_patience(Clock::now());
}

void HttpLoad::lose_patience(Instant now) {
  while (!limits_.empty() && limits_.top().at <= now) {
    const Limit limit = limits_.top();
    limits_.pop();
    Client& client = clients_[limit.client];
    if (client.asks.empty() || client.finished != limit.request) continue;
    client.http.leave();
    finish(limit.client, Outcome::kTimedOut);
  }
}

void HttpLoad::finish_all() {
  const Instant deadline = Clock::now() + in_ticks(options_.grace);
  while (active_ > 0 && Clock::now() < deadline) wait(deadline);
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    if (!client.asks.empty()) client.http.leave();
    while (!client.asks.empty()) finish(i, Outcome::kTimedOut);
  }
  late_.clear();
}

}  // namespace prefork::bench

#include "supervisor/admin/admin_server.h"

#include <cstdio>
#include <utility>

#include "supervisor/admin/agent_connection.h"
#include "supervisor/admin/agent_line.h"
#include "supervisor/admin/connection_limits.h"
#include "supervisor/admin/http_connection.h"
#include "supervisor/admin/socket_address.h"

namespace prefork {
namespace {

constexpr std::chrono::milliseconds kReconnectAfter{500};
/// For what the pages are told at the end, and how often it is looked whether they have it.
constexpr std::chrono::milliseconds kLastWords{200};
constexpr std::chrono::milliseconds kLook{2};
constexpr std::chrono::seconds kSampleEach{1};
constexpr std::chrono::milliseconds kSampleFresh{200};

void say(const std::string& sentence) {
  (void)std::fprintf(stderr, "supervisor-admin: %s\n", sentence.c_str());  // there is nowhere else to say it
}

std::vector<std::string> texts(const Json& list) {
  std::vector<std::string> read;
  for (const Json& one : list) {
    if (one.is_string()) read.push_back(one.get<std::string>());
  }
  return read;
}

/// In the middle of the next second of the clock: near its ends two samples could come within one second, and
/// none in the next.
std::chrono::milliseconds until_next_sample(std::chrono::system_clock::time_point now) {
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  return std::chrono::ceil<std::chrono::milliseconds>(second + kSampleEach * 3 / 2 - now);
}

Result<std::vector<Fd>> listen_at_all(const std::vector<std::string>& addresses, const char* what) {
  std::vector<Fd> sockets;
  for (const std::string& address : addresses) {
    auto socket = listen_at(address);
    if (!socket) return socket.error();
    (void)std::printf("%s %s\n", what,
                      bound_address(socket.value().get()).c_str());  // a lost output harms nothing
    sockets.push_back(std::move(socket.value()));
  }
  (void)std::fflush(stdout);
  return sockets;
}

}  // namespace

AdminServer::AdminServer(IoContext& io, AdminOptions options)
    : io_(io),
      options_(std::move(options)),
      link_(io, *this),
      brief_(io, link_, false),
      whole_(io, link_, true),
      answers_(io, link_, {brief_, whole_, history_, events_}, streams_),
      connections_(connection_limits().http),
      agents_(connection_limits().agent),
      admin_(io, connections_,
             [this](Stream socket, std::string client) { serve_http(std::move(socket), std::move(client)); }),
      agent_(io, agents_, [this](Stream socket, const std::string&) { serve_agent(std::move(socket)); }),
      sampling_(io),
      reconnecting_(io) {}

Result<void> AdminServer::start() {
  answers_.use_hosts(options_.hosts);
  auto admin = listen_at_all(options_.admin, "admin");
  if (!admin) return admin.error();
  auto agent = listen_at_all(options_.agent, "agent");
  if (!agent) return agent.error();
  admin_.use(std::move(admin.value()));
  agent_.use(std::move(agent.value()));
  if (options_.link) {
    link_.open(Fd(*options_.link));
    link_opened();
  } else {
    connect();
  }
  sample_each_second();
  return {};
}

void AdminServer::connect() {
  auto socket = connect_to(options_.control);
  if (!socket) return connect_later();
  link_.open(std::move(socket.value()));
  link_opened();
}

void AdminServer::link_opened() {
  if (!link_.is_open()) return;
  link_.call("subscribe", {{"since", events_.last()}}, [](const Reply& reply) {
    if (!reply.error.empty() && reply.code != Reply::kNoAnswer) say("no events: " + reply.error);
  });
}

void AdminServer::connect_later() {
  reconnecting_.expires_after(kReconnectAfter);
  reconnecting_.async_wait([this](boost::system::error_code error) {
    if (!error) connect();
  });
}

void AdminServer::link_ended(LinkEnd how, const std::string& why) {
  // A supervisor that closes the link of its own process says why in its log, or is gone.
  if (!options_.link || how == LinkEnd::kBroken) say("the link to the supervisor has ended: " + why);
  if (!std::exchange(gone_, true))
    streams_.send(shared_text(stream_message("gone", 0, line_of(Json{{"text", why}}))));
  if (!options_.link) return connect_later();
  // New clients wait for the next process.
  admin_.use({});
  agent_.use({});
  end_when_told(AdminClock::now() + kLastWords);
}

void AdminServer::end_when_told(AdminClock::time_point until) {
  if (!streams_.has_unsent() || AdminClock::now() >= until) return end(0);
  reconnecting_.expires_after(kLook);
  reconnecting_.async_wait([this, until](boost::system::error_code) { end_when_told(until); });
}

void AdminServer::end(int status) {
  status_ = status;
  io_.stop();
}

void AdminServer::event_came(const Json& event) {
  const auto seq = static_cast<std::uint64_t>(std::max(0.0, number(event, "seq")));
  const SharedText message = shared_text(stream_message("event", seq, line_of(event)));
  const auto now = std::chrono::system_clock::now();
  events_.add({seq, EventStore::time_of(text(event, "time"), now), message});
  streams_.send(message);
}

void AdminServer::listen_came(const Json& order, std::vector<Fd> descriptors) {
  std::vector<Fd> sockets = std::move(descriptors);
  if (member(order, "history") == true && !sockets.empty()) {
    if (!history_file_.is_open()) history_.restore(history_file_.open(std::move(sockets.back())));
    sockets.pop_back();
  }
  const std::size_t admin = texts(member(order, "admin")).size();
  const std::size_t agent = texts(member(order, "agent")).size();
  if (sockets.size() != admin + agent) {
    // Without room for a descriptor the kernel drops it. A new process begins with none.
    say("a listen line came with " + std::to_string(sockets.size()) + " sockets for " +
        std::to_string(admin + agent) + " addresses");
    return end(1);
  }
  answers_.use_hosts(texts(member(order, "hosts")));
  std::vector<Fd> for_agent;
  for (std::size_t at = admin; at < sockets.size(); ++at) for_agent.push_back(std::move(sockets[at]));
  sockets.resize(admin);
  admin_.use(std::move(sockets));
  agent_.use(std::move(for_agent));
}

void AdminServer::sample_each_second() {
  sampling_.expires_after(until_next_sample(std::chrono::system_clock::now()));
  sampling_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    sample();
    sample_each_second();
  });
}

void AdminServer::sample() {
  brief_.ask(kSampleFresh, [this](const SharedSnapshot& snapshot) { sampled(snapshot); });
}

void AdminServer::sampled(const SharedSnapshot& snapshot) {
  const bool fresh = snapshot && AdminClock::now() - snapshot->at < kSampleEach;
  const auto time = std::chrono::system_clock::now().time_since_epoch();
  const double pid = fresh ? number(snapshot->status, "pid") : supervisor_pid_;
  if (const double before = std::exchange(supervisor_pid_, pid); before != 0 && before != pid)
    history_.clear();
  history_.add(std::chrono::duration_cast<std::chrono::seconds>(time).count(),
               fresh ? snapshot->status : Json());
  keep_history();
  events_.expire(std::chrono::system_clock::now());
  if (fresh) {
    gone_ = false;
    streams_.send(shared_text(stream_message("status", 0, *snapshot->text) +
                              stream_message("sample", 0, line_of(history_.latest()))));
  } else if (!snapshot && !std::exchange(gone_, true)) {
    streams_.send(shared_text(stream_message("gone", 0, R"({"text":"the supervisor does not answer"})")));
  }
  streams_.tick();
}

void AdminServer::keep_history() {
  if (!history_file_.is_open() || history_file_.add(history_.saved())) return;
  if (!std::exchange(history_lost_, true)) say("the history cannot be kept for the next process");
}

void AdminServer::serve_http(Stream socket, std::string client) {
  const auto connection =
      std::make_shared<HttpConnection>(std::move(socket), std::move(client), connections_, answers_);
  connections_.add(connection);
  connection->start();
}

void AdminServer::serve_agent(Stream socket) {
  const auto connection = std::make_shared<AgentConnection>(
      std::move(socket), agents_, [this](const std::string& pool, AgentConnection::Answer answer) {
        brief_.ask(AdminClock::duration::zero(),
                   [pool, answer = std::move(answer)](const SharedSnapshot& snapshot) {
                     answer(agent_line(snapshot ? snapshot->status : Json(), pool));
                   });
      });
  agents_.add(connection);
  connection->start();
}

}  // namespace prefork

#include "supervisor/workers/node_dialect.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

#include "supervisor/loop/escape.h"
#include "supervisor/workers/base64.h"
#include "supervisor/workers/node_address.h"

namespace prefork {
namespace {

constexpr std::string_view kCluster = "NODE_CLUSTER";
constexpr std::string_view kModule = "PREFORK";

/// A worker takes as many connections as the pool gives: Node has no limit of its own.
constexpr std::uint64_t kMostOffered = UINT32_MAX;

std::string excerpt(std::string_view text) { return '"' + escape_to_ascii(text, 60) + '"'; }

std::string quoted_number(std::uint64_t value) { return '"' + std::to_string(value) + '"'; }

/// "LISTENER.NUMBER": each server of a worker has its own.
std::string key_of(const NodeServerState& server) {
  return std::to_string(server.listener) + '.' + std::to_string(server.number);
}

/// Takes the first ticket from a list that is separated by spaces. Nothing: there is none, or it is wrong.
std::optional<Ticket> take_ticket(std::string_view& list) {
  Ticket ticket;
  const auto [end, error] = std::from_chars(list.data(), list.data() + list.size(), ticket.value);
  if (error != std::errc() || !ticket) return std::nullopt;
  list.remove_prefix(static_cast<std::size_t>(end - list.data()));
  if (list.empty()) return ticket;
  const bool more = list.size() > 1 && list.front() == ' ';
  list.remove_prefix(1);
  return more ? std::optional(ticket) : std::nullopt;
}

/// Ticket keys of TLS, which Node writes as hexadecimal digits; all else is none of ours.
std::string echo(const std::string& data) {
  constexpr std::size_t kMost = 512;
  const bool plain = data.find_first_not_of("0123456789abcdef") == std::string::npos;
  return data.empty() || data.size() > kMost || !plain ? "null" : '"' + data + '"';
}

std::string connection_line(const action::Dispatch& action, const NodeServerState& server,
                            std::uint64_t seq) {
  const auto wait = std::chrono::duration_cast<std::chrono::microseconds>(action.waited).count();
  std::string line =
      R"({"cmd":"NODE_HANDLE","type":"net.Native","msg":{"cmd":"NODE_CLUSTER","act":"newconn","key":")";
  line.reserve(512);
  line += key_of(server);
  line += R"(","seq":)";
  line += std::to_string(seq);
  line += R"(,"prefork":{"receipt":true,"ticket":)";
  line += quoted_number(action.ticket.value);
  line += R"(,"flags":)";
  line += std::to_string(connection_flags(action));
  line += R"(,"listener":)";
  line += std::to_string(action.listener);
  line += R"(,"accepted_ns":)";
  line += quoted_number(static_cast<std::uint64_t>(action.accepted_at.time_since_epoch().count()));
  line += R"(,"wait_us":)";
  line += std::to_string(std::clamp<std::int64_t>(wait, 0, UINT32_MAX));
  if (!action.memo.empty()) {
    line += R"(,"memo":")";
    line += to_base64(action.memo);
    line += '"';
  }
  line += "}}}\n";
  return line;
}

}  // namespace

NodeDialect::NodeDialect(const Worker& worker, const DialectState& state)
    : Dialect(worker), node_(state.node), broken_(state.broken) {
  if (node_.ticket || node_.handle_sent)
    node_.unanswered.push_back({node_.seq, node_.ticket, !node_.handle_sent});
  node_.handle_sent = false;
  node_.seq = 0;
  node_.ticket = Ticket{};
}

SendStatus NodeDialect::send(const action::Dispatch& dispatch, const Fd& socket) {
  if (node_.unanswered.size() >= kMostUnanswered || node_.left || node_.servers.empty())
    return SendStatus::kFull;
  if (!socket.valid()) return SendStatus::kInvalid;
  const auto& servers = node_.servers;
  const auto own = std::find_if(servers.begin(), servers.end(), [&](const NodeServerState& server) {
    return server.listener == dispatch.listener;
  });
  const NodeServerState& server = own == servers.end() ? servers.front() : *own;
  const std::uint64_t seq = node_.numbers + 1;
  const std::string line = connection_line(dispatch, server, seq);
  // libuv takes it as it is, and must never wait in it. Modules of before leave that to the supervisor.
  if (!node_.unblocks) (void)::fcntl(socket.get(), F_SETFL, O_RDWR | O_NONBLOCK);
  const SendStatus status = worker().channel.send(std::as_bytes(std::span(line)), socket);
  if (status != SendStatus::kSent) {
    if (!node_.unblocks) (void)::fcntl(socket.get(), F_SETFL, O_RDWR);
    return status;
  }
  node_.numbers = seq;
  node_.unanswered.push_back({seq, dispatch.ticket});
  return status;
}

SendStatus NodeDialect::send_line(std::string_view line) {
  const std::string whole = std::string(line) + '\n';
  return worker().channel.send(std::as_bytes(std::span(whole)));
}

SendStatus NodeDialect::wish(std::string_view act) {
  return send_line(R"({"cmd":"PREFORK","act":")" + std::string(act) + "\"}");
}

void NodeDialect::hear(std::span<const std::byte> bytes, bool /*introduces*/) {
  std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  while (!text.empty() && !broken_) {
    const std::size_t end = text.find('\n');
    const std::string_view part = text.substr(0, end);
    if (node_.line.size() + part.size() > kMaxNodeLine) node_.skips = true;
    if (node_.skips) {
      node_.line.clear();
    } else {
      node_.line += part;
    }
    if (end == std::string_view::npos) return;
    text.remove_prefix(end + 1);
    if (!std::exchange(node_.skips, false)) take_line(node_.line);
    node_.line.clear();
  }
}

void NodeDialect::take_line(std::string_view line) {
  const auto message = parse_node_line(line);
  if (!message) return break_off("the line " + excerpt(line) + ", which is not JSON");
  handle(*message);
}

void NodeDialect::handle(const NodeMessage& message) {
  if (message.cmd == kCluster) return handle_cluster(message);
  if (message.cmd == kModule) return handle_module(message);
  if (message.cmd == "NODE_HANDLE_ACK") return descriptor_taken(true);
  if (message.cmd == "NODE_HANDLE_NACK") return descriptor_taken(false);
  // Anything else the application has sent, which has no parent that would hear it.
}

NodeDialect::Unanswered NodeDialect::next_untaken() {
  return std::find_if(node_.unanswered.begin(), node_.unanswered.end(),
                      [](const NodeConnectionState& connection) { return !connection.taken; });
}

void NodeDialect::descriptor_taken(bool taken) {
  const Unanswered next = next_untaken();
  if (next == node_.unanswered.end()) {
    return break_off(std::string(taken ? "NODE_HANDLE_ACK" : "NODE_HANDLE_NACK") +
                     " though it was sent no connection");
  }
  next->taken = true;
  if (!taken) refuse(next);
}

void NodeDialect::refuse(Unanswered connection) {
  const Ticket ticket = connection->ticket;
  node_.unanswered.erase(connection);
  if (ticket) tell(event::WorkerRefused{worker().id, ticket});
}

void NodeDialect::handle_cluster(const NodeMessage& message) {
  if (message.ack) return answered(*message.ack, message.accepted);
  if (message.act == "queryServer") return query(message);
  if (message.act == "listening") return listens(message);
  if (message.act == "close") return closes(message);
  if (message.act == "exitedAfterDisconnect") {
    if (message.seq) reply(*message.seq, "");
    if (node_.ready) leave();
  }
  // "online", and what later versions of Node tell.
}

void NodeDialect::answered(std::int64_t seq, std::optional<bool> accepted) {
  // It has left, and its answer to what it had not begun comes late.
  if (node_.left && accepted == false) return;
  const NodeConnectionState first =
      node_.unanswered.empty() ? NodeConnectionState{} : node_.unanswered.front();
  const bool known = first.ticket && first.taken && seq >= 0 && static_cast<std::uint64_t>(seq) == first.seq;
  if (!known || !accepted) {
    return break_off("an answer to the connection " + std::to_string(seq) +
                     (known ? " without \"accepted\"" : ", which it does not have"));
  }
  if (!*accepted) return refuse(node_.unanswered.begin());
  node_.unanswered.erase(node_.unanswered.begin());
  tell(event::WorkerBusy{worker().id, first.ticket});
}

void NodeDialect::query(const NodeMessage& message) {
  if (!message.seq) return break_off("queryServer without \"seq\"");
  if (!node_.has_module) {
    return break_off(
        "queryServer before the module prefork-worker said hello: the command clears NODE_OPTIONS, or its "
        "Node "
        "is older than 18");
  }
  const NodeAddress address(message);
  const auto target = address.find_in(node_.listen);
  if (!target || node_.servers.size() == kMostServers) {
    // The module lets the program listen there by itself.
    if (!address.text().empty()) worker().listener.noted("listens at " + escape_to_ascii(address.text()));
    return reply(*message.seq, R"(,"errno":)" + std::to_string(-EADDRNOTAVAIL) + R"(,"key":"","data":)" +
                                   echo(message.data));
  }
  const NodeServerState server{target->listener, ++node_.numbers};
  node_.servers.push_back(server);
  reply(*message.seq,
        R"(,"errno":0,"key":")" + key_of(server) + R"(","data":)" + echo(message.data) + target->sockname);
}

void NodeDialect::listens(const NodeMessage& message) {
  if (node_.ready || node_.servers.empty() || !NodeAddress(message).find_in(node_.listen)) return;
  node_.ready = true;
  tell(event::WorkerReady{.worker = worker().id, .slots = kMostOffered, .most_unreceived = kMostUnanswered});
}

void NodeDialect::closes(const NodeMessage& message) {
  const std::size_t closed = std::erase_if(
      node_.servers, [&](const NodeServerState& server) { return key_of(server) == message.key; });
  if (closed > 0 && node_.servers.empty() && node_.ready) leave();
}

void NodeDialect::leave() {
  // What it has not begun is given back.
  node_.left = true;
  for (NodeConnectionState& connection : node_.unanswered) connection.ticket = Ticket{};
  tell(event::WorkerLeaves{worker().id});
}

void NodeDialect::handle_module(const NodeMessage& message) {
  if (message.act == "hello") {
    node_.has_module = true;
    node_.unblocks = message.value == 1;
  } else if (message.act == "note") {
    worker().listener.noted(escape_to_ascii(message.text, kMaxNoteLength));
  } else if (message.act == "pong") {
    tell(event::WorkerPong{worker().id});
  } else if (message.act == "load") {
    constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
    tell(event::WorkerLoad{worker().id, static_cast<std::uint32_t>(
                                            std::clamp<std::int64_t>(message.value.value_or(0), 0, kMost))});
  } else if (message.act == "leave") {
    // It may have a server of its own before it is ready: then there is nothing to give back.
    if (node_.ready) leave();
    // The module waits for this. The core sends none to a worker that it has sent SIGTERM.
    drain();
  } else {
    handle_module_about_connection(message);
  }
}

void NodeDialect::handle_module_about_connection(const NodeMessage& message) {
  const std::string& act = message.act;
  if (act == "begun") return begins(message);
  if (act == "idle" || act == "park" || act == "progress") return about_tickets(message);
  break_off("PREFORK with the act " + excerpt(act) + ", which is unknown");
}

void NodeDialect::about_tickets(const NodeMessage& message) {
  std::string_view tickets = message.ticket;
  do {
    const auto ticket = take_ticket(tickets);
    if (!ticket) return break_off("PREFORK with the act " + excerpt(message.act) + ", without a ticket");
    if (!tickets.empty() && !message.memo.empty()) return break_off("one memo for several connections");
    tell_of(message, *ticket);
  } while (!tickets.empty() && !broken_);
}

void NodeDialect::tell_of(const NodeMessage& message, Ticket ticket) {
  const WorkerId id = worker().id;
  if (message.act == "park") return parks(message, ticket);
  if (message.act == "progress") return tell(event::WorkerProgress{id, ticket});
  tell(event::WorkerIdle{id, ticket});
}

void NodeDialect::begins(const NodeMessage& message) {
  if (!message.seq) return break_off("a receipt without \"seq\"");
  // Connections that are over come before: their slots are free when this one has begun.
  if (!message.ticket.empty()) about_tickets(message);
  if (broken_) return;
  const Unanswered next = next_untaken();
  if (next == node_.unanswered.end()) return break_off("a receipt though it was sent no connection");
  next->taken = true;
  answered(*message.seq, message.accepted);
}

void NodeDialect::parks(const NodeMessage& message, Ticket ticket) {
  auto memo = from_base64(message.memo);
  if (!memo) return break_off("a memo that is not base64: " + excerpt(message.memo));
  if (memo->size() > kMaxMemo) {
    return break_off("a memo of " + std::to_string(memo->size()) + " bytes; at most " +
                     std::to_string(kMaxMemo) + " are allowed");
  }
  tell(event::WorkerParked{worker().id, ticket, std::move(*memo)});
}

void NodeDialect::reply(std::int64_t seq, std::string_view members) {
  const SendStatus status =
      send_line(R"({"cmd":"NODE_CLUSTER","ack":)" + std::to_string(seq) + std::string(members) + '}');
  // It waits for the answer for ever.
  if (status == SendStatus::kFull) return break_off("more questions than it reads answers");
  if (status == SendStatus::kNoResources || status == SendStatus::kInvalid)
    break_off("a question that cannot be answered: memory is short");
}

void NodeDialect::break_off(const std::string& what) {
  broken_ = true;
  worker().listener.violated(what);
}

DialectState NodeDialect::state() const {
  DialectState state;
  state.wire = Wire::kNode;
  state.broken = broken_;
  state.node = node_;
  return state;
}

}  // namespace prefork

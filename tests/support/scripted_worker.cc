// A worker that misbehaves on order. Its arguments are the steps of its script; after the last one it serves
// as an echo.
//
//   ready  ready:slots=3,version=9     say Ready
//   recv                               wait for a connection; from now on it is the one at hand
//   peek                               look at the next datagram, a connection, and leave it in the channel
//   busy idle refused progress         say it of the connection at hand
//   send:kind=K,ticket=T,value=V       say any record
//   note:TEXT                          send a Note
//   read:N  write:TEXT                 read exactly N bytes from the client, write to it
//   shutdown  close                    end the client's socket: SHUT_WR, close without
//   die:KILL  die:SEGV  die:exit=N     end in this way
//   stop  hang  ignore-term            SIGSTOP itself; wait for ever; ignore SIGTERM
//   take                               wait for a datagram, and do nothing with it
//   template                           with `start: fork`: fork workers; each goes on with the next step
//   gate:NAME  mark:NAME               wait for the test, tell the test (see gate.h)
//   send-zero  send-garbage:N  send-big  send-fd        break the protocol
//   leave                              say Leave
//   flood:N  flood:N,kind=K            say Progress, or any kind, N times
//   close-channel  shutdown-channel:rd  shutdown-channel:wr        and live on
//   block-socket:NAME                  hold the lock of the client's socket until it dies; marks NAME if it
//   does fork-holder:GATE                   leave a grandchild that holds channel and client until the gate
//   opens only-first:NAME  only-first:NAME,limit=N            a worker that comes here later (than N) serves
//   at once loop                               go on after `ready`
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "tests/support/conversation.h"
#include "tests/support/gate.h"
#include "tests/support/script.h"
#include "tests/support/socket_lock.h"

namespace {

using namespace prefork;
using namespace prefork::test;

using Act = std::function<void(Conversation&, const Step&)>;

/// For workers that do not look at their channel: none of them outlives the supervisor, whatever becomes of
/// the test.
void die_with_parent() { (void)::prctl(PR_SET_PDEATHSIG, SIGKILL); }

[[noreturn]] void hang() {
  die_with_parent();
  for (;;) ::pause();
}

void wait(Conversation& /*conversation*/, const Step& step) {
  die_with_parent();
  wait_at_gate(step.text);
  (void)::prctl(PR_SET_PDEATHSIG, 0);
}

void say_ready(Conversation& conversation, const Step& step) {
  conversation.say(Record{.kind = RecordKind::kReady,
                          .value = static_cast<std::uint32_t>(step.number("version", kProtocolVersion)),
                          .ticket = step.number("slots", 1)});
}

void say_anything(Conversation& conversation, const Step& step) {
  conversation.say(Record{.kind = static_cast<RecordKind>(step.number("kind", 0)),
                          .value = static_cast<std::uint32_t>(step.number("value", 0)),
                          .ticket = step.number("ticket", conversation.ticket())});
}

void say_garbage(Conversation& conversation, const Step& step) {
  std::mt19937 generator(42);
  std::vector<std::byte> bytes(step.count());
  std::generate(bytes.begin(), bytes.end(), [&] { return static_cast<std::byte>(generator()); });
  conversation.say_bytes(bytes);
}

void flood(Conversation& conversation, const Step& step) {
  for (std::size_t i = 0; i < step.count(); ++i)
    conversation.say(static_cast<RecordKind>(step.number("kind", 7)));
}

void say_with_descriptor(Conversation& conversation, const Step& /*step*/) {
  const Fd attached(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  conversation.say_with_descriptor(Record{.kind = RecordKind::kProgress, .ticket = conversation.ticket()},
                                   attached);
}

void die(const Step& step) {
  const std::map<std::string, int> signals = {{"KILL", SIGKILL}, {"SEGV", SIGSEGV}, {"TERM", SIGTERM}};
  if (const auto found = signals.find(step.text); found != signals.end()) (void)::raise(found->second);
  ::_exit(static_cast<int>(step.number("exit", 1)));
}

void leave_holder(const Step& step) {
  const pid_t child = ::fork();
  if (child > 0) {
    (void)::waitpid(child, nullptr, 0);
    return;
  }
  (void)::setsid();
  if (::fork() != 0) ::_exit(0);
  // Its parent is gone or about to go; then the supervisor is its parent, or the process that takes the
  // supervisor's place.
  (void)::alarm(60);
  leave_mark(step.text + ".held");
  wait_at_gate(step.text);
  ::_exit(0);
}

void block_socket(Conversation& conversation, const Step& step) {
  die_with_parent();
  static const SocketLock lock(conversation.client());
  if (lock.held()) leave_mark(step.text);
}

void go_on_unless_late(Conversation& conversation, const Step& step) {
  const std::string name = step.text.substr(0, step.text.find(','));
  if (!among_first(name, step.number("limit", 1))) conversation.serve();
}

const std::map<std::string, Act>& acts() {
  static const std::map<std::string, Act> kAll = {
      {"ready", say_ready},
      {"recv", [](Conversation& c, const Step&) { c.receive_connection(); }},
      {"peek", [](Conversation& c, const Step&) { c.peek_at_connection(); }},
      {"busy", [](Conversation& c, const Step&) { c.say(RecordKind::kBusy); }},
      {"idle", [](Conversation& c, const Step&) { c.say(RecordKind::kIdle); }},
      {"refused", [](Conversation& c, const Step&) { c.say(RecordKind::kRefused); }},
      {"progress", [](Conversation& c, const Step&) { c.say(RecordKind::kProgress); }},
      {"leave", [](Conversation& c, const Step&) { c.say(Record{.kind = RecordKind::kLeave}); }},
      {"send", say_anything},
      {"read", [](Conversation& c, const Step& step) { c.read(step.count()); }},
      {"write", [](Conversation& c, const Step& step) { c.write(step.text); }},
      {"shutdown", [](Conversation& c, const Step&) { c.shut_down(); }},
      {"close", [](Conversation& c, const Step&) { c.close(); }},
      {"die", [](Conversation&, const Step& step) { die(step); }},
      {"stop", [](Conversation&, const Step&) { die_with_parent(), (void)::raise(SIGSTOP); }},
      {"hang", [](Conversation&, const Step&) { hang(); }},
      {"ignore-term",
       [](Conversation&, const Step&) { die_with_parent(), (void)::signal(SIGTERM, SIG_IGN); }},
      {"take", [](Conversation& c, const Step&) { c.receive_datagram(); }},
      {"template", [](Conversation& c, const Step&) { c.be_template(); }},
      {"gate", wait},
      {"mark", [](Conversation&, const Step& step) { leave_mark(step.text); }},
      {"note", [](Conversation& c, const Step& step) { c.say_bytes(encode_note(step.text)); }},
      {"send-zero", [](Conversation& c, const Step&) { c.say_bytes({}); }},
      {"send-garbage", say_garbage},
      {"send-big", [](Conversation& c, const Step&) { c.say_bytes(std::vector<std::byte>(200'000)); }},
      {"send-fd", say_with_descriptor},
      {"flood", flood},
      {"close-channel", [](Conversation& c, const Step&) { c.close_channel(); }},
      {"shutdown-channel",
       [](Conversation& c, const Step& step) { c.shut_channel_down(step.text == "rd" ? SHUT_RD : SHUT_WR); }},
      {"fork-holder", [](Conversation&, const Step& step) { leave_holder(step); }},
      {"block-socket", block_socket},
      {"only-first", go_on_unless_late},
  };
  return kAll;
}

}  // namespace

int main(int argc, char** argv) {
  (void)::signal(SIGPIPE, SIG_IGN);
  Conversation conversation;
  const std::vector<Step> script = parse_script(argc, argv);
  std::size_t begin = 0;
  for (std::size_t i = 0; i < script.size(); ++i) {
    if (script[i].name == "ready") begin = i + 1;
    const auto act = acts().find(script[i].name);
    if (act != acts().end()) {
      act->second(conversation, script[i]);
    } else if (script[i].name == "loop") {
      i = begin - 1;  // NOLINT(bugprone-misplaced-widening-cast): the increment makes it `begin`
    } else {
      (void)std::fprintf(stderr, "BUG in a test: scripted-worker knows no step %s\n", script[i].name.c_str());
      return 2;
    }
  }
  conversation.serve();
}

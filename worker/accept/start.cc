// The start and the end of the library in a process: it becomes active where the environment names a channel
// that is one. Only here is anything allocated.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "worker/accept/channel.h"
#include "worker/accept/context.h"
#include "worker/accept/descriptor_table.h"
#include "worker/accept/listener.h"
#include "worker/accept/next_function.h"
#include "worker/accept/private_descriptors.h"
#include "worker/accept/processes.h"
#include "worker/accept/raw.h"

namespace prefork::accept {

DescriptorTable table;
constinit Context context;

namespace {

const char* variable(const char* name) { return secure_getenv(name); }

void write_number(int number, char* out) {
  char digits[12];
  int n = 0;
  do {
    digits[n++] = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number > 0);
  while (n > 0) *out++ = digits[--n];
  *out = 0;
}

/// In the place where the variable stands, for which the supervisor has put it there. bash brings its own
/// setenv(), whose variables are lost when bash then reads the environment that it was started with.
void set_variable(const char* name, int number) {
  char text[12] = {};
  write_number(number, text);
  const std::size_t length = std::strlen(name);
  for (char** one = environ; one != nullptr && *one != nullptr; ++one) {
    if (std::strncmp(*one, name, length) != 0 || (*one)[length] != '=') continue;
    char* entry = static_cast<char*>(std::malloc(length + sizeof(text) + 2));
    if (entry == nullptr) return;
    std::memcpy(entry, *one, length + 1);
    std::memcpy(entry + length + 1, text, sizeof(text));
    *one = entry;
    return;
  }
  (void)setenv(name, text, 1);
}

bool is_channel(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  return fd >= 0 && raw::call(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
         type == SOCK_SEQPACKET;
}

/// To a high number, where neither a script's redirections nor a runtime that marks the low ones touch it. It
/// is still handed on through exec(): this program may be the one that starts the server.
void take_channel(int fd) {
  context.channel = make_private(fd);
  (void)raw::fcntl(context.channel, F_SETFD, 0);
  if (context.channel != fd) set_variable("SUPERVISOR_CHANNEL", context.channel);
}

void make_inherited_listeners() {
  for (std::size_t i = 0; i < context.settings.addresses; ++i) {
    make_listener(3 + static_cast<int>(i), context.settings.address[i].address);
  }
  set_variable("LISTEN_FDS", static_cast<int>(context.settings.addresses));
  set_variable("LISTEN_PID", context.pid);
}

__attribute__((constructor)) void start() {
  find_next_functions();
  read_settings(variable, context.settings);
  if (!is_channel(context.settings.channel)) return;
  context.pid = raw::process_id();
  Tree* tree = Tree::create();
  if (tree == nullptr) return;
  take_channel(context.settings.channel);
  context.tree = tree;
  if (context.settings.listen_fds && context.settings.addresses > 0) make_inherited_listeners();
}

/// exit() calls it before stdio writes what it still has.
__attribute__((destructor)) void end() { before_exit(true); }

}  // namespace
}  // namespace prefork::accept

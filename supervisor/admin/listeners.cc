#include "supervisor/admin/listeners.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "supervisor/admin/socket_address.h"

namespace prefork {
namespace {

constexpr int kAcceptsInATurn = 16;
constexpr std::chrono::milliseconds kPause{100};

/// Of what a client does not take; otherwise the kernel lets it grow to several MiB for each.
constexpr int kKernelBuffer = 128 * 1024;

void prepare(int connection) {
  (void)setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &kKernelBuffer, sizeof(kKernelBuffer));
  // The head of an answer and its body are two pieces: otherwise the second one waits for the client's
  // acknowledgement of the first, often 40 ms. A unix socket has no such wait, and the call fails there.
  const int on = 1;
  (void)setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

bool out_of_descriptors(int error) {
  return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

}  // namespace

/// Lives until its last operation has ended.
class Listeners::One : public std::enable_shared_from_this<One> {
 public:
  One(Listeners& all, Fd socket) : all_(&all), socket_(all.io_, socket.release()), timer_(all.io_) {
    // The supervisor has the same socket, and never waits for a connection either.
    (void)fcntl(socket_.native_handle(), F_SETFL, fcntl(socket_.native_handle(), F_GETFL) | O_NONBLOCK);
  }

  void wait() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [me = shared_from_this()](boost::system::error_code error) {
                         if (!error) me->accept_some();
                       });
  }
  void close() {
    boost::system::error_code ignored;
    all_ = nullptr;
    socket_.close(ignored);
    timer_.cancel(ignored);
  }

 private:
  void accept_some() {
    for (int count = 0; count < kAcceptsInATurn && all_ != nullptr; ++count) {
      sockaddr_storage address{};
      socklen_t size = sizeof(address);
      Fd accepted(accept4(socket_.native_handle(), reinterpret_cast<sockaddr*>(&address), &size,
                          SOCK_CLOEXEC | SOCK_NONBLOCK));
      const int error = errno;
      if (!accepted.valid()) {
        if (out_of_descriptors(error) && !all_->table_.close_oldest_idle()) return pause();
        if (error == EAGAIN) break;
        continue;
      }
      take(std::move(accepted), address, size);
    }
    if (all_ != nullptr) wait();
  }

  void take(Fd accepted, const sockaddr_storage& address, socklen_t size) {
    all_->table_.make_room();
    boost::system::error_code error;
    Stream stream(all_->io_);
    stream.assign(asio::generic::stream_protocol(address.ss_family, 0), accepted.get(), error);
    if (error) return;
    prepare(accepted.release());
    all_->on_connection_(std::move(stream), address_text(address, size));
  }

  void pause() {
    timer_.expires_after(kPause);
    timer_.async_wait([me = shared_from_this()](boost::system::error_code error) {
      if (!error && me->all_ != nullptr) me->wait();
    });
  }

  Listeners* all_;
  asio::posix::stream_descriptor socket_;
  Timer timer_;
};

Listeners::Listeners(IoContext& io, ConnectionTable& table, OnConnection on_connection)
    : io_(io), table_(table), on_connection_(std::move(on_connection)) {}

Listeners::~Listeners() {
  for (const auto& one : sockets_) one->close();
}

void Listeners::use(std::vector<Fd> sockets) {
  for (const auto& one : std::exchange(sockets_, {})) one->close();
  for (Fd& socket : sockets) {
    sockets_.push_back(std::make_shared<One>(*this, std::move(socket)));
    sockets_.back()->wait();
  }
}

}  // namespace prefork

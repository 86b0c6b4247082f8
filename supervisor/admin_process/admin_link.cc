#include "supervisor/admin_process/admin_link.h"

#include <utility>

#include "proto/passing.h"

namespace prefork {
namespace {

/// So that there is something to read at each look: white space in front of the next line, which JSON allows.
constexpr std::string_view kPing = " ";

}  // namespace

AdminLink::AdminLink(const Loop& loop, ControlSocket& control, Callback ended, Duration look)
    : control_(control), ended_(ended), look_(look), look_timer_(loop), before_sleep_(loop) {
  before_sleep_.start(Callback::to<&AdminLink::on_before_sleep>(*this));
}

void AdminLink::open(Fd socket) {
  // Closing a descriptor that came may wait. Before Linux 6.16 the kernel closes it in recv().
  (void)refuse_descriptors(socket.get());
  connection_ = control_.make_link(std::move(socket), rights_);
  control_.set_link(connection_.get());
  unread_looks_ = 0;
  end_.clear();
}

void AdminLink::send(const std::string& line, std::vector<Fd> descriptors) {
  if (connection_ != nullptr) connection_->send_passing(line, std::move(descriptors));
}

void AdminLink::expect_reading() {
  received_ = 0;
  unread_looks_ = 0;
  look_timer_.start(look_, Callback::to<&AdminLink::look>(*this));
}

void AdminLink::look() {
  if (connection_ == nullptr || connection_->over()) return;
  const bool heard = connection_->received() != std::exchange(received_, connection_->received());
  // Counted in looks, not in time: while a machine sleeps, neither side reads.
  unread_looks_ = heard || connection_->unread() == 0 ? 0 : unread_looks_ + 1;
  if (unread_looks_ == 0) connection_->send_event(kPing);
  look_timer_.start(look_, Callback::to<&AdminLink::look>(*this));
}

void AdminLink::on_before_sleep() {
  if (connection_ == nullptr) return;
  if (connection_->over()) {
    end_ = "its link to the supervisor has ended";
  } else if (unread_looks_ >= kPatience) {
    end_ = "it does not read what the supervisor sends";
  } else {
    return;
  }
  close();
  ended_();
}

void AdminLink::close() {
  look_timer_.stop();
  control_.set_link(nullptr);
  connection_.reset();
}

}  // namespace prefork

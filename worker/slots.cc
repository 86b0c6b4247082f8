#include "worker/slots.h"

#include "worker/attach.h"

namespace prefork::worker {

Slots::Slots(std::unique_ptr<Session> session) : session_(std::move(session)) {}
Slots::Slots(Slots&& other) noexcept = default;
Slots& Slots::operator=(Slots&& other) noexcept = default;
Slots::~Slots() = default;

std::pair<std::optional<Slots>, int> Slots::open(unsigned limit, const std::function<void()>& start) {
  Attached attached = attach(limit, start);
  if (!attached.session) return {std::nullopt, attached.exit_code};
  return {Slots(std::move(attached.session)), 0};
}

int Slots::descriptor() const { return session_->descriptor(); }
std::optional<Connection> Slots::next() { return session_->next(Wait::kNo); }
void Slots::report_load(unsigned thousandths) { session_->report_load(thousandths); }
bool Slots::draining() const { return session_->draining(); }
void Slots::leave() { session_->leave(); }
bool Slots::finished() const { return session_->finished(); }
int Slots::exit_code() const { return session_->exit_code(); }
void Slots::stop() { session_->stop(); }

}  // namespace prefork::worker

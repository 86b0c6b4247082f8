#include "supervisor/admin/patient_call.h"

#include <memory>
#include <utility>

namespace prefork {
namespace {

struct PatientCall {
  PatientCall(IoContext& io, ControlLink::OnReply reply) : timer(io), on_reply(std::move(reply)) {}

  void finish(Reply reply) {
    if (std::exchange(done, true)) return;
    timer.cancel();
    on_reply(std::move(reply));
    on_reply = nullptr;
  }

  Timer timer;
  ControlLink::OnReply on_reply;
  bool done = false;
};

}  // namespace

void call_within(IoContext& io, ControlLink& link, std::chrono::milliseconds limit, const char* method,
                 Json parameters, ControlLink::OnReply on_reply) {
  const auto call = std::make_shared<PatientCall>(io, std::move(on_reply));
  call->timer.expires_after(limit);
  call->timer.async_wait([call](boost::system::error_code error) {
    if (!error) call->finish({{}, Reply::kNoAnswer, "the supervisor does not answer"});
  });
  link.call(method, std::move(parameters), [call](Reply reply) { call->finish(std::move(reply)); });
}

}  // namespace prefork

#include "supervisor/admin/answers.h"

#include <chrono>
#include <cmath>
#include <type_traits>
#include <utility>
#include <variant>

#include "supervisor/admin/health.h"
#include "supervisor/admin/metrics.h"
#include "supervisor/admin/patient_call.h"

namespace prefork {
namespace {

using std::chrono::seconds;

/// Pages and programs that poll share an answer of the last second.
constexpr seconds kShared{1};
constexpr AdminClock::duration kAnew{0};
constexpr std::chrono::milliseconds kWorkerTime{90};
/// The answer to a reload may come after two reloads of 10 s each (docs/control.md).
constexpr seconds kActionTime{25};
/// Each wrong token costs its connection so long: tokens cannot be tried quickly. The right one is answered
/// at once, whatever others try.
constexpr seconds kAfterWrongToken{1};
/// Of an error of the control protocol: not allowed.
constexpr int kDenied = -32001;

Response no_answer() { return text_response(503, "the supervisor does not answer"); }

Response health_response(const route::Health& wanted, const SharedSnapshot& snapshot) {
  if (!snapshot) return no_answer();
  const Verdict verdict = readiness(snapshot->status);
  const bool well = wanted.probe == route::Probe::kLive || verdict.well;
  std::string text = well ? "ok" : "not ready";
  if (wanted.verbose || !well) {
    for (const std::string& line : verdict.lines) text += '\n' + line;
  }
  Response response = text_response(well ? 200 : 503, std::move(text));
  response.headers.emplace_back("Cache-Control", "no-store");
  return response;
}

/// Of an error of the control protocol.
unsigned status_of(int code) {
  switch (code) {
    case Reply::kNoAnswer: return 503;
    case kDenied: return 403;
    case -32601: return 501;
    case -32602: return 400;
    default: return 409;
  }
}

}  // namespace

double Answers::start_time(const Json& status) {
  const std::chrono::duration<double> now = std::chrono::system_clock::now().time_since_epoch();
  const double started = now.count() - number(status, "uptime_ms") / 1000;
  constexpr double kSame = 5;  // the clock may be set, and answers take a moment
  if (std::abs(started - start_time_) > kSame) start_time_ = std::round(started * 1000) / 1000;
  return start_time_;
}

void Answers::serve(const Request& request, const std::shared_ptr<HttpConnection>& connection,
                    Answer answer) {
  Route chosen = route_of(request, hosts_);
  std::visit(
      [&]<typename Wanted>(Wanted& wanted) {
        if constexpr (std::is_same_v<Wanted, route::Done>) {
          answer(std::move(wanted.response));
        } else if constexpr (std::is_same_v<Wanted, route::History>) {
          answer(json_response(shared_text(line_of(knowledge_.history.to_json()) + "\n")));
        } else if constexpr (std::is_same_v<Wanted, route::EventStream>) {
          begin_stream(wanted, connection);
        } else {
          this->answer(wanted, std::move(answer));
        }
      },
      chosen);
}

void Answers::answer(const route::Metrics& wanted, Answer answer) {
  Snapshots& snapshots = wanted.workers ? knowledge_.whole : knowledge_.brief;
  snapshots.ask(kAnew, [this, wanted, answer = std::move(answer)](const SharedSnapshot& snapshot) {
    if (!snapshot) return answer(no_answer());
    const MetricsWanted form{wanted.format, wanted.workers, start_time(snapshot->status)};
    answer({200, content_type(wanted.format), shared_text(metrics_text(snapshot->status, form))});
  });
}

void Answers::answer(const route::Health& wanted, Answer answer) {
  knowledge_.brief.ask(kAnew, [wanted, answer = std::move(answer)](const SharedSnapshot& snapshot) {
    answer(health_response(wanted, snapshot));
  });
}

void Answers::answer(const route::Status& wanted, Answer answer) {
  Snapshots& snapshots = wanted.workers ? knowledge_.whole : knowledge_.brief;
  snapshots.ask(kShared, [answer = std::move(answer)](const SharedSnapshot& snapshot) {
    answer(snapshot ? json_response(snapshot->text) : no_answer());
  });
}

void Answers::answer(const route::Worker& wanted, Answer answer) {
  const Json parameters = {{"pool", wanted.pool}, {"worker", wanted.number}};
  call_within(io_, link_, kWorkerTime, "worker", parameters,
              [answer = std::move(answer)](const Reply& reply) {
                if (reply.error.empty())
                  return answer(json_response(shared_text(line_of(reply.result) + "\n")));
                answer(text_response(reply.code == -32000 ? 404 : status_of(reply.code), reply.error));
              });
}

void Answers::answer(const route::Action& wanted, Answer answer) {
  call_within(io_, link_, kActionTime, wanted.method, wanted.parameters,
              [this, answer = std::move(answer)](const Reply& reply) {
                if (reply.code == kDenied)
                  return answer_later(api_error(status_of(reply.code), reply.error), answer);
                if (!reply.error.empty()) return answer(api_error(status_of(reply.code), reply.error));
                answer(json_response(shared_text(line_of(Json{{"result", reply.result}}) + "\n")));
              });
}

void Answers::answer_later(Response response, Answer answer) {
  const auto timer = std::make_shared<Timer>(io_, kAfterWrongToken);
  timer->async_wait([timer, response = std::move(response), answer = std::move(answer)](
                        boost::system::error_code) mutable { answer(std::move(response)); });
}

void Answers::begin_stream(const route::EventStream& wanted,
                           const std::shared_ptr<HttpConnection>& connection) {
  knowledge_.brief.ask(kShared, [this, wanted, connection](const SharedSnapshot& snapshot) {
    if (!connection->is_open()) return;
    const SharedText first =
        snapshot ? shared_text(stream_message("status", 0, *snapshot->text)) : SharedText();
    streams_.add(connection, wanted.since, first, knowledge_.events);
  });
}

}  // namespace prefork

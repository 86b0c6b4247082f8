// The pool's copy: a pool that was restored from a snapshot in the middle of a history must not differ from
// the original in anything.
#include "tests/core/world.h"

namespace prefork {

void World::copy_pool() {
  while (!later_.empty()) answer_late();  // an upgrade in place waits for them, too
  constexpr std::uint32_t kAnotherSeed = 4711;
  copy_ = std::make_unique<Pool>(settings_, kAnotherSeed, now_);
  const std::string wrong = copy_->restore(pool_.snapshot());
  demand(wrong.empty(), wrong.c_str());
}

void World::nothing_is_forgotten() {
  constexpr std::uint64_t kLook = 8;  // restoring a pool is slow
  if (events_ % kLook != 0 || settings_.elastic || !pool_.lifecycle().settled()) return;
  if (!pending_.empty() || !later_.empty()) return;  // their connections are not in a snapshot
  Pool looks(settings_, /*seed=*/1, now_);
  const std::string wrong = looks.restore(pool_.snapshot());
  demand(wrong.empty(), wrong.c_str());
  Actions done;
  looks.handle(event::Resized{pool_.lifecycle().limit()}, now_, done);
  demand(done.empty(), "a settled pool finds something to do when it is given the size that it has");
}

void World::compare_copy(const Event& event, const Actions& actions) {
  if (!copy_) return;
  Actions of_copy;
  copy_->handle(event, now_, of_copy);
  demand(of_copy.size() == actions.size(),
         "a restored pool does more or less than the one it was copied from");
  for (std::size_t i = 0; i < actions.size(); ++i) {
    demand(of_copy[i].index() == actions[i].index(), "a restored pool does something else");
    const auto* ended = std::get_if<action::End>(&actions[i]);
    demand(ended == nullptr || std::get<action::End>(of_copy[i]).ticket == ended->ticket,
           "a restored pool ends another connection");
  }
  for (const auto& [ticket, c] : open_) {
    const ConnectionRow* row = copy_->connections().find(ticket);
    demand(row == nullptr || copy_->connections().memo(*row) == c.memo, "a restored pool has another memo");
  }
  demand(copy_->next_deadline() == pool_.next_deadline(), "a restored pool has another deadline");
  constexpr std::uint64_t kLookInside = 8;  // comparing snapshots is slow
  if (events_ % kLookInside != 0) return;
  demand(copy_->snapshot() == pool_.snapshot(), "a restored pool becomes another one");
}

}  // namespace prefork

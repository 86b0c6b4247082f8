#include "config/identity.h"

#include <grp.h>
#include <pwd.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "config/schema_words.h"
#include "proto/digits.h"

namespace prefork {
namespace {

std::vector<std::uint32_t> groups_of(const std::string& name, std::uint32_t gid) {
  constexpr std::size_t kUsual = 32;
  std::vector<gid_t> groups(kUsual);
  auto count = static_cast<int>(groups.size());
  if (::getgrouplist(name.c_str(), gid, groups.data(), &count) < 0) {
    groups.resize(static_cast<std::size_t>(count));
    (void)::getgrouplist(name.c_str(), gid, groups.data(), &count);
  }
  groups.resize(static_cast<std::size_t>(count));
  std::sort(groups.begin(), groups.end());
  return {groups.begin(), groups.end()};
}

/// An account, or a number without an account.
struct User {
  std::uint32_t uid = 0;
  std::optional<std::uint32_t> gid;
  Account account = {};
};

std::optional<User> find_user(const std::string& user) {
  const auto number = parse_account_number(user);
  const passwd* entry = number ? ::getpwuid(*number) : ::getpwnam(user.c_str());
  if (entry != nullptr)
    return User{entry->pw_uid, entry->pw_gid, {entry->pw_name, entry->pw_dir, entry->pw_shell}};
  if (number) return User{*number, std::nullopt};
  return std::nullopt;
}

Account with_defaults(Account account, const std::string& user) {
  if (account.name.empty()) account.name = user;
  if (account.home.empty()) account.home = "/";
  if (account.shell.empty()) account.shell = "/bin/sh";  // the meaning of an empty field in passwd(5)
  return account;
}

}  // namespace

std::optional<std::uint32_t> parse_account_number(std::string_view text) {
  const auto number = parse_digits<std::uint32_t>(text);
  return number == std::numeric_limits<std::uint32_t>::max() ? std::nullopt : number;
}

std::optional<std::uint32_t> group_number(const std::string& group) {
  if (const auto number = parse_account_number(group)) return number;
  // Safe with one thread: nothing keeps a pointer to the answer.
  const struct group* entry = ::getgrnam(group.c_str());
  if (entry == nullptr) return std::nullopt;
  return entry->gr_gid;
}

std::optional<WorkerUser> find_worker_user(const std::string& user, const std::string& group,
                                           const std::string& pointer, const Machine& machine,
                                           Problems& problems) {
  if (auto known = machine.known_worker_user(user, group)) return known;
  const std::string at_user = child_pointer(pointer, "user");
  const std::string at_group = child_pointer(pointer, "group");
  machine.about_to_ask(at_user, "the user " + in_quotes(user));
  const auto found = find_user(user);
  std::optional<std::uint32_t> gid;
  if (!group.empty()) {
    machine.about_to_ask(at_group, "the group " + in_quotes(group));
    gid = group_number(group);
  } else if (found) {
    gid = found->gid;
  }
  if (!found)
    problems.add(at_user,
                 in_quotes(user) + " is not allowed: there is no such user; create it, or correct the name");
  if (!group.empty() && !gid)
    problems.add(at_group, in_quotes(group) +
                               " is not allowed: there is no such group; create it, or correct the name");
  if (found && found->uid == 0) {
    problems.add(at_user, in_quotes(user) + " is not allowed: it is root; workers of root need no \"user\"");
    return std::nullopt;
  }
  if (found && group.empty() && !gid) {
    problems.add(at_user,
                 in_quotes(user) + " has no account, and so no group of its own; set \"group\", too");
  }
  if (!found || !gid) return std::nullopt;
  const std::uint32_t number = gid.value_or(0);
  Identity identity{found->uid, number, {number}};
  if (!found->account.name.empty()) {
    machine.about_to_ask(at_user, "the groups of the user " + in_quotes(user));
    identity.groups = groups_of(found->account.name, number);
  }
  return WorkerUser{std::move(identity), with_defaults(found->account, user)};
}

std::optional<Identity> find_supervisor_identity(const std::string& user, const std::string& pointer,
                                                 const Machine& machine, Problems& problems) {
  if (auto known = machine.known_supervisor_user(user)) return known;
  machine.about_to_ask(pointer, "the user " + in_quotes(user));
  const auto found = find_user(user);
  if (!found) {
    problems.add(pointer,
                 in_quotes(user) + " is not allowed: there is no such user; create it, or correct the name");
  } else if (found->uid == 0) {
    problems.add(pointer,
                 in_quotes(user) + " is not allowed: it is root; name another user, or leave the key out");
  } else {
    return Identity{found->uid, found->gid.value_or(found->uid), {}};
  }
  return std::nullopt;
}

}  // namespace prefork

// exec(): the connections and listeners that it closes are let go before it, as nothing of the library runs
// after it. What it does not close is held until the process ends.
#pragma once

namespace prefork::accept {

/// Whether exec() can be expected to run this file, relative to `directory`: what has been let go cannot be
/// taken back. Programs try the folders of PATH one after the other.
[[nodiscard]] bool may_run(const char* file, int directory = -100 /* AT_FDCWD */);
/// The same for a name that is looked for in PATH.
[[nodiscard]] bool may_run_from_path(const char* name);

class BeforeExec {
 public:
  /// Does nothing where the exec() cannot be expected to succeed.
  explicit BeforeExec(bool runs);
  /// exec() has failed: the process holds what it held.
  ~BeforeExec();
  BeforeExec(const BeforeExec&) = delete;
  BeforeExec& operator=(const BeforeExec&) = delete;

 private:
  void let_go();

  bool done_ = false;
  int listeners_ = 0;
};

}  // namespace prefork::accept

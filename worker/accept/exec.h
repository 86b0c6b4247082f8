// exec(): the connections and listeners that it closes are let go before it, as nothing of the library runs
// after it. What it does not close is held until the process ends.
#pragma once

namespace prefork::accept {

class BeforeExec {
 public:
  /// `program`: the file that will be run, relative to `directory`; null when it is not known.
  explicit BeforeExec(const char* program, int directory = -100 /* AT_FDCWD */);
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

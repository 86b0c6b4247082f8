#include "worker/accept/next_function.h"

#include <dlfcn.h>

extern "C" {
// The linker's names for the borders of the section.
extern prefork::accept::NextSymbol first_next_symbol[] __asm__("__start_prefork_next")
    __attribute__((visibility("hidden")));
extern prefork::accept::NextSymbol end_of_next_symbols[] __asm__("__stop_prefork_next")
    __attribute__((visibility("hidden")));
}

namespace prefork::accept {

void* NextSymbol::find() {
  void* symbol = dlsym(RTLD_NEXT, name_);
  found_.store(symbol, std::memory_order_relaxed);
  return symbol;
}

void find_next_functions() {
  for (NextSymbol* symbol = first_next_symbol; symbol != end_of_next_symbols; ++symbol) (void)symbol->find();
}

}  // namespace prefork::accept

/* The same worker, forked by a template: all that it needs is the library. */
#define main textbook
#include "tests/support/classic_worker.c"
#undef main

#include "worker/classic.h"

int main(int argc, char **argv)
{
    prefork_fork_workers();
    return textbook(argc, argv);
}

/* For programs in C or C++ that speak the classic protocol (docs/classic.md) and share what they have loaded
 * with "start": "fork":
 *
 *   load_the_application();
 *   prefork_fork_workers();
 *   while (read_fd(0, &byte, 1, &client) > 0) …
 */
#pragma once

#ifdef __cplusplus
extern "C" {
#endif

/* In a template: forks a worker each time the supervisor asks for one, and returns in each worker, whose
 * channel is descriptor 0. In the template it does not return: it ends the process. In a program that is no
 * template it does nothing, so the same program works with "start": "exec". The program must not have started
 * threads before. */
void prefork_fork_workers(void);

#ifdef __cplusplus
}
#endif

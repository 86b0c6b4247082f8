/* The calls of the remote program that act on descriptors. */
#ifndef CALLS_H
#define CALLS_H

#include <stddef.h>

enum { NO_SUCH_CALL = -1000 };

/* Calls what the words say and returns what the call returns. `more` gets what else it has to say. */
long call_about_descriptors(char** word, char* more, size_t size);

#endif

// Marks what libprefork-worker.so offers to other programs. Everything else is hidden in it.
#pragma once

#define PREFORK_API __attribute__((visibility("default")))

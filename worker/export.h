// Marks what the shared libraries of worker/ offer to other programs. Everything else stays inside of them.
#pragma once

#define PREFORK_API __attribute__((visibility("default")))

// What nearly every test includes, read once for each test program. Nothing may rely on it: each file
// includes what it uses. Without `#pragma once`, which compilers reject in what they compile by itself.

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

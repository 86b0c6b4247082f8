// Whether this test and the built supervisor run under AddressSanitizer: slower and larger than the programs
// that users run.
#pragma once

#ifndef __has_feature
#define __has_feature(feature) 0
#endif

namespace prefork::test {

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace prefork::test

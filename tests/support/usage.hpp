#pragma once

#include <sys/types.h>

#include <vector>

namespace fraiseql::test {

/// What a running process has used so far, of /proc.
double cpu_seconds(pid_t pid);
double peak_mb(pid_t pid);  ///< the most resident memory it ever had, MiB

/// A sanitizer keeps what is freed, so memory proves nothing.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

double median(std::vector<double> values);

}  // namespace fraiseql::test

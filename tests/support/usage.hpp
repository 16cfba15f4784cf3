#pragma once

#include <sys/types.h>

#include <vector>

namespace fraiseql::test {

/// What a running process has used so far, of /proc.
double cpu_seconds(pid_t pid);
double peak_mb(pid_t pid);  ///< the most resident memory it ever had, MiB

double median(std::vector<double> values);

}  // namespace fraiseql::test

#pragma once

#include <cstddef>
#include <string>

namespace fraiseql {

/// /status.json, or what stands for it without healthd (server_view.hpp), for a person: the verdict, its reasons, what flows
/// and waits, the processes. `width`: of the lines of processes, which are cut; `colour`: with the escapes of a terminal. Pure.
std::string status_text(const std::string& json, std::size_t width, bool colour);

/// Whether it says ok. Pure.
bool is_well(const std::string& json);

}  // namespace fraiseql

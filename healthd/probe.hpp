#pragma once

#include <string>

namespace fraiseql::healthd {

/// The health check of a container, which has no other client of HTTP: asks the healthd that listens on `listen`
/// (host:port, as configured; 0.0.0.0 and [::] stand for this machine) for /livez.
///
/// Empty when it answered 200 within three seconds, else why not.
std::string probe(const std::string& listen);

}  // namespace fraiseql::healthd

#pragma once

/// Where the programs and the sources are that the tests are about. Constants and not macros, so that a compiler's cache knows a
/// test again in another checkout.
namespace fraiseql::test {

extern const char* const PG2NATS_BRIDGE;
extern const char* const EXECUTOR;
extern const char* const HEALTHD;
extern const char* const FRAISEQL_COMMAND;
extern const char* const SOURCE_DIR;

}  // namespace fraiseql::test

#pragma once

#include "common/config.hpp"
#include "common/letter_retry.hpp"

namespace fraiseql {

/// `pg2nats-bridge --retry`: publishes the rows of `unpublishable` letters, each read again by its pk, under their usual
/// message ids; a letter goes when the stream holds its change. Takes no lock and leaves the checkpoint alone, so a bridge
/// that leads works on. Returns the exit code; throws Unavailable.
int republish_letters(const BridgeConfig& config, const RetryRequest& request, StopSignal& stop);

}  // namespace fraiseql

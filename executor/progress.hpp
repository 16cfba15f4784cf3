#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "executor/observers.hpp"
#include "executor/settle.hpp"

namespace fraiseql {

/// Key of an event's progress in the bucket: letters that a bucket does not take are escaped.
std::string progress_key(std::string_view event_id);

/// What is known of a message's actions, as kept in the bucket: by observer name and action number, so that it survives a
/// change of the file. Empty when there is nothing worth knowing.
std::string encode_progress(const std::vector<Track>& tracks, const Observers& observers);

/// Marks in `tracks` what an earlier executor knew to be over, and how often the others were tried. A text that is no
/// progress changes nothing.
void apply_progress(std::string_view json, std::vector<Track>& tracks, const Observers& observers);

}  // namespace fraiseql

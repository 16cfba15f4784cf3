#include "executor/progress.hpp"

#include <rapidjson/document.h>
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

namespace fraiseql {

std::string progress_key(std::string_view event_id) {
  static constexpr char hex[] = "0123456789ABCDEF";
  std::string key = "p.";
  for (const char c : event_id) {
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_') {
      key += c;
    } else {
      key += '=';
      key += hex[static_cast<unsigned char>(c) >> 4];
      key += hex[static_cast<unsigned char>(c) & 15];
    }
  }
  return key;
}

std::string encode_progress(const std::vector<Track>& tracks, const Observers& observers) {
  rapidjson::StringBuffer buffer;
  rapidjson::Writer<rapidjson::StringBuffer> writer(buffer);
  bool any = false;
  writer.StartObject();
  for (const Track& track : tracks) {
    const std::string& name = observers.at(track.observer).name;
    writer.Key(name.data(), static_cast<rapidjson::SizeType>(name.size()));
    writer.StartArray();
    for (const ActionState& action : track.actions) {
      any = any || action.over() || action.attempts > 0;
      writer.StartArray();
      writer.String(action.phase == ActionState::Phase::done     ? "done"
                    : action.phase == ActionState::Phase::failed ? "failed"
                                                                 : "open");
      writer.Uint(action.attempts);
      writer.EndArray();
    }
    writer.EndArray();
  }
  writer.EndObject();
  return any ? std::string(buffer.GetString(), buffer.GetSize()) : std::string();
}

void apply_progress(std::string_view json, std::vector<Track>& tracks, const Observers& observers) {
  rapidjson::Document document;
  document.Parse<rapidjson::kParseIterativeFlag>(json.data(), json.size());
  if (document.HasParseError() || !document.IsObject()) return;
  for (Track& track : tracks) {
    const auto known = document.FindMember(observers.at(track.observer).name);
    if (known == document.MemberEnd() || !known->value.IsArray()) continue;
    for (rapidjson::SizeType i = 0; i < known->value.Size() && i < track.actions.size(); ++i) {
      const auto& pair = known->value[i];
      if (!pair.IsArray() || pair.Size() != 2 || !pair[0].IsString() || !pair[1].IsUint()) continue;
      ActionState& action = track.actions[i];
      action.attempts = pair[1].GetUint();
      const std::string_view phase = pair[0].GetString();
      if (phase == "done") action.phase = ActionState::Phase::done;
      if (phase == "failed") action.phase = ActionState::Phase::failed;
    }
  }
}

}  // namespace fraiseql

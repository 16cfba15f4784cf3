#pragma once

#include <nats/nats.h>

#include <memory>
#include <string_view>
#include <utility>

namespace fraiseql::nats {

template <auto Destroy>
struct Release {
  template <class T>
  void operator()(T* handle) const noexcept {
    Destroy(handle);
  }
};

// One line per cnats type: ownership is then in the type.
using Connection = std::unique_ptr<natsConnection, Release<natsConnection_Destroy>>;
using Options = std::unique_ptr<natsOptions, Release<natsOptions_Destroy>>;
using Subscription = std::unique_ptr<natsSubscription, Release<natsSubscription_Destroy>>;
using Message = std::unique_ptr<natsMsg, Release<natsMsg_Destroy>>;
using Inbox = std::unique_ptr<natsInbox, Release<natsInbox_Destroy>>;

/// Throws Unavailable ("<doing>: <cnats' text>") unless `status` is NATS_OK.
void check(natsStatus status, std::string_view doing);

/// Calls a cnats function that returns a new handle through its first parameter:
///   auto inbox = make<Inbox>("make an inbox", natsInbox_Create);
template <class Handle, class Create, class... Args>
Handle make(std::string_view doing, Create create, Args... args) {
  typename Handle::pointer raw = nullptr;
  check(create(&raw, args...), doing);
  return Handle{raw};
}

/// The bytes of a message; valid while it lives.
inline std::string_view data(const natsMsg* message) {
  return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
}

}  // namespace fraiseql::nats

// StreamCodec: one layer between a socket and whoever speaks through it: TLS, WebSocket, the PROXY header. Turns what
// was received into bytes for the layer above, and what is to be sent into bytes for the layer below. Knows no socket,
// no clock and no thread: whoever drives it moves the bytes. One caller at a time; it may go to another thread in
// between.
#pragma once

#include <cstdint>
#include <string>

#include "core/bytes.h"

namespace penstock::core {

// Takes bytes that die on return.
class ByteSink {
 public:
  virtual void take(Bytes bytes) = 0;

 protected:
  ~ByteSink() = default;
};

enum class StreamState : uint8_t {
  kOpening,  // a handshake is under way: nothing can be sent from above yet
  kOpen,
  kEnded,   // the peer said goodbye in the layer's own words: nothing more comes. Close once `down` is sent
  kFailed,  // failure() says why. Close once `down` is sent: it may hold an alert, an HTTP answer, a close frame
};

// Why a stream came to its end before its time.
struct StreamFailure {
  const char* reason = "";  // label of a counter, of few: "tls_certificate_expired", "ws_unmasked_frame"
  std::string detail;       // one line for a person, of printable characters whatever the peer has sent
};

class StreamCodec {
 public:
  virtual ~StreamCodec() = default;

  // Bytes of the layer below, as they came: cut anywhere. What they hold for the layer above goes to `up`, in pieces;
  // answers of this layer go to `down`. Gives no more than a small multiple of what it took, and keeps no more than the
  // layer's largest unit. After kEnded or kFailed it is not called again.
  virtual StreamState received(Bytes bytes, ByteSink& up, ByteSink& down) = 0;
  // Bytes of the layer above. Only while state() is kOpen.
  virtual StreamState send(Bytes bytes, ByteSink& down) = 0;
  // Says goodbye in the layer's own words; nothing is sent after it. In any state but kFailed.
  virtual void finish(ByteSink& down) = 0;

  virtual StreamState state() const = 0;
  virtual const StreamFailure& failure() const = 0;  // valid while state() is kFailed
};

}  // namespace penstock::core

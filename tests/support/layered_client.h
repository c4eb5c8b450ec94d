// LayeredClient: a blocking client of the real broker with control of every byte, on a socket below any layers: what
// stands in front of TLS, what lies in one segment, what comes behind a goodbye. A step that does not happen within
// kPatience is a failure of the running test. One thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/client_layers.h"
#include "tests/support/test_client.h"
#include "tests/support/wire.h"

namespace penstock::test {

class LayeredClient {
 public:
  // `front` goes in front of everything, as a proxy sends its header. Then the layers begin.
  LayeredClient(uint16_t port, core::ClientLayers layers, std::string_view front = {});
  ~LayeredClient();
  LayeredClient(LayeredClient&& other) noexcept;
  LayeredClient& operator=(LayeredClient&&) = delete;

  // Through the layers; kept until all are open, and then in one segment with their last word.
  void send(std::string_view bytes);
  // As it is, to the socket.
  void send_raw(std::string_view bytes);
  // All layers are open. False where one has come to its end, or the connection.
  bool open();
  Packet next(Where where = Where::current());
  // The next packet must be of this type.
  Packet expect(Type type, Where where = Where::current());
  // Reads to the end of the connection; gives what came below all layers.
  std::string read_to_end(Where where = Where::current());
  core::ClientLayers& layers() { return layers_; }

 private:
  // False at the end of the connection, or when nothing comes for kPatience.
  bool read_more();

  int socket_ = -1;
  bool ended_ = false;
  core::ClientLayers layers_;
  std::string raw_;    // all that has come
  std::string inbox_;  // of MQTT
};

}  // namespace penstock::test

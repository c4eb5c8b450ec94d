#include "tests/system/acknowledgement_probe.h"

#include <unistd.h>

#include <algorithm>

namespace penstock::test {

bool is_acknowledged(TestClient& publisher, const std::string& publish, int round_trips) {
  publisher.send(publish + pingreq_packet());
  bool acknowledged = false;
  int asked = 1;
  for (int pongs = 0; pongs < asked && !publisher.broken();) {
    const Packet packet = publisher.next();
    acknowledged |= packet.type == Type::kPuback || packet.type == Type::kPubrec;
    if (packet.type != Type::kPingresp) continue;
    if (++pongs == round_trips || acknowledged) continue;
    // Gives the disk its time before the next question; nothing is concluded from it.
    usleep(static_cast<useconds_t>(std::min(pongs, 20)) * 1000);
    publisher.send(pingreq_packet());
    ++asked;
  }
  return acknowledged;
}

}  // namespace penstock::test

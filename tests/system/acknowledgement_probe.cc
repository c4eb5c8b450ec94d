#include "tests/system/acknowledgement_probe.h"

#include <unistd.h>

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
    usleep(20'000);  // gives the disk its time before the next question; nothing is concluded from it
    publisher.send(pingreq_packet());
    ++asked;
  }
  return acknowledged;
}

}  // namespace penstock::test

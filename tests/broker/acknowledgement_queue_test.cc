// AcknowledgementQueue: nothing leaves before its record is durable, and nothing overtakes.
#include "broker/acknowledgement_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace penstock::broker {
namespace {

using protocol::PacketId;
using protocol::PacketType;
using protocol::ReasonCode;

class AcknowledgementQueueTest : public testing::Test {
 protected:
  void push(uint64_t end, uint16_t packet_id) { queue_.push({.end = end, .packet_id = PacketId(packet_id)}); }
  void push_suback(uint64_t end, uint16_t packet_id, std::vector<ReasonCode> codes) {
    queue_.push({.end = end, .type = PacketType::kSuback, .packet_id = PacketId(packet_id)}, std::move(codes));
  }
  // "1 2 " or, with the codes of a SUBACK, "3:0,80 ".
  std::string released(uint64_t durable_end) {
    std::string text;
    queue_.release(durable_end, [&](const Acknowledgement& acknowledgement, const std::vector<ReasonCode>* codes) {
      text += std::to_string(acknowledgement.packet_id.value());
      for (size_t i = 0; codes != nullptr && i < codes->size(); ++i)
        text += (i == 0 ? ":" : ",") + std::to_string(static_cast<int>((*codes)[i]));
      text += " ";
    });
    return text;
  }

  AcknowledgementQueue queue_;
};

TEST_F(AcknowledgementQueueTest, releases_what_is_durable_and_keeps_the_rest) {
  push(100, 1);
  push(200, 2);
  push(300, 3);
  EXPECT_EQ(released(99), "");
  EXPECT_EQ(released(200), "1 2 ");
  EXPECT_EQ(released(299), "");
  EXPECT_FALSE(queue_.empty());
  EXPECT_EQ(released(300), "3 ");
  EXPECT_TRUE(queue_.empty());
}

TEST_F(AcknowledgementQueueTest, keeps_the_order_of_answers_to_one_record) {
  for (uint16_t id = 1; id <= 5; ++id) push(100, id);
  EXPECT_EQ(released(100), "1 2 3 4 5 ");
}

TEST_F(AcknowledgementQueueTest, lets_nothing_overtake_the_one_in_front) {
  push(300, 1);
  push(100, 2);
  EXPECT_EQ(released(200), "");
  EXPECT_EQ(released(300), "1 2 ");
}

TEST_F(AcknowledgementQueueTest, what_must_only_keep_its_place_waits_for_the_newest) {
  EXPECT_EQ(queue_.last_end(), 0u);
  push(100, 1);
  push(200, 2);
  EXPECT_EQ(queue_.last_end(), 200u);
  push(queue_.last_end(), 3);
  EXPECT_EQ(released(199), "1 ");
  EXPECT_EQ(released(200), "2 3 ");
  EXPECT_EQ(queue_.last_end(), 0u);
}

TEST_F(AcknowledgementQueueTest, gives_each_suback_its_own_codes) {
  push_suback(100, 1, {ReasonCode::kGrantedAtMostOnce, ReasonCode::kUnspecifiedError});
  push(100, 2);
  push_suback(200, 3, {ReasonCode::kGrantedExactlyOnce});
  EXPECT_EQ(released(100), "1:0,128 2 ");
  EXPECT_EQ(released(200), "3:2 ");
}

TEST_F(AcknowledgementQueueTest, takes_new_answers_while_it_releases) {
  push(100, 1);
  std::string order;
  queue_.release(100, [&](const Acknowledgement& acknowledgement, const std::vector<ReasonCode>*) {
    order += std::to_string(acknowledgement.packet_id.value());
    if (acknowledgement.packet_id == PacketId(1)) push(100, 2);
  });
  EXPECT_EQ(order, "12");
}

}  // namespace
}  // namespace penstock::broker

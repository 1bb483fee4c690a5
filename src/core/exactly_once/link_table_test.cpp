#include "core/exactly_once/link_table.hpp"

#include <gtest/gtest.h>

namespace settle {
namespace {

constexpr partition_id shelf_1{service::stock, 1};
constexpr partition_id shelf_3{service::stock, 3};
constexpr partition_id till{service::payment, 0};

std::vector<partition_id> busy_peers(link_table& links) {
  links.forget_resting();
  std::vector<partition_id> peers;
  for (const auto& [peer, self] : links.busy()) peers.push_back(peer);
  return peers;
}

/// As a commit does.
void store(link_table& links) {
  commit_batch batch;
  for (const auto& [peer, self] : links.busy()) self->add_changes(peer, batch);
}

TEST(link_table, links_that_were_used_are_busy_in_the_order_of_their_peers) {
  link_table links({1, 4, 4});
  links.at(till).push();
  links.at(shelf_3).push();
  links.at(shelf_1).push();
  EXPECT_EQ(busy_peers(links), (std::vector{shelf_1, shelf_3, till}));
}

TEST(link_table, link_is_busy_until_what_it_sent_is_acknowledged_and_stored) {
  link_table links({1, 4, 4});
  links.at(shelf_1).push();
  store(links);
  EXPECT_EQ(busy_peers(links), std::vector{shelf_1});
  links.at(shelf_1).acknowledged(1);
  EXPECT_EQ(busy_peers(links), std::vector{shelf_1});
  store(links);
  EXPECT_TRUE(busy_peers(links).empty());
}

TEST(link_table, link_is_busy_until_what_it_accepted_is_acknowledged_and_stored) {
  link_table links({1, 4, 4});
  links.at(shelf_1).accept(1);
  store(links);
  EXPECT_EQ(busy_peers(links), std::vector{shelf_1});
  links.all().at(shelf_1).acknowledgement_sent();
  EXPECT_TRUE(busy_peers(links).empty());
}

TEST(link_table, resting_link_that_gets_a_duplicate_is_busy_again) {
  link_table links({1, 4, 4});
  links.at(shelf_1).accept(1);
  store(links);
  links.all().at(shelf_1).acknowledgement_sent();
  ASSERT_TRUE(busy_peers(links).empty());
  links.at(shelf_1).accept(1);
  EXPECT_EQ(busy_peers(links), std::vector{shelf_1});
}

}  // namespace
}  // namespace settle

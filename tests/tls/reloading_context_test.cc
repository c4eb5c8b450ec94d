// Certificates that are replaced while the broker runs.
#include "tls/reloading_context.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "tests/tls/tls_pair.h"

namespace penstock::tls {
namespace {

class ReloadingContextTest : public testing::Test {
 protected:
  std::unique_ptr<ReloadingContext> load() {
    auto context = ReloadingContext::load(settings, std::make_shared<TicketKeys>());
    EXPECT_TRUE(context.has_value()) << context.error().message;
    return std::move(*context);
  }
  test::TestCertificate issue(const std::string& name) const {
    return files.authority.issue({.common_name = name, .alternative_names = {"DNS:broker.example"}});
  }
  std::string shown_by(const ServerPointer& server) {
    TlsPair pair(server, client_with(files.client_settings()));
    pair.run();
    return pair.is_open() ? pair.client.peer_identity()->common_name : "none";
  }
  // As tools do it that replace files: the new one is complete when it gets the name.
  void replace(const std::string& name, const std::string& text) {
    test::write_text(files.path("new"), text);
    std::filesystem::rename(files.path("new"), files.path(name));
  }

  TlsFiles files;
  ServerSettings settings = files.server_settings();
};

TEST_F(ReloadingContextTest, nothing_happens_while_no_file_changes) {
  const auto context = load();
  const auto before = context->current();
  EXPECT_FALSE(context->reload_if_changed().value());
  EXPECT_EQ(context->current(), before);
}

TEST_F(ReloadingContextTest, a_new_certificate_is_shown_to_the_next_client_and_old_connections_go_on) {
  const auto context = load();
  TlsPair old(context->current(), client_with(files.client_settings()));
  old.run();
  const auto made = issue("renewed");
  replace("server.key", made.key_pem());
  replace("server.pem", made.certificate_pem());
  EXPECT_TRUE(context->reload_if_changed().value());
  EXPECT_FALSE(context->reload_if_changed().value());
  EXPECT_EQ(shown_by(context->current()), "renewed");
  old.server.send(core::as_bytes("still here"), old.to_client);
  old.run();
  EXPECT_EQ(old.client_up.text, "still here");
}

TEST_F(ReloadingContextTest, between_certificate_and_key_the_old_one_stays) {
  const auto context = load();
  const auto made = issue("renewed");
  replace("server.pem", made.certificate_pem());
  const auto half = context->reload_if_changed();
  ASSERT_FALSE(half.has_value());
  EXPECT_NE(half.error().message.find("does not belong"), std::string::npos) << half.error().message;
  EXPECT_EQ(shown_by(context->current()), "broker");
  // It is said once, not at each look.
  EXPECT_FALSE(context->reload_if_changed().value());
  replace("server.key", made.key_pem());
  EXPECT_TRUE(context->reload_if_changed().value());
  EXPECT_EQ(shown_by(context->current()), "renewed");
}

TEST_F(ReloadingContextTest, a_file_that_goes_and_comes_back_is_noticed) {
  const auto context = load();
  std::filesystem::rename(files.path("server.pem"), files.path("away"));
  EXPECT_FALSE(context->reload_if_changed().has_value());
  EXPECT_EQ(shown_by(context->current()), "broker");
  std::filesystem::rename(files.path("away"), files.path("server.pem"));
  EXPECT_TRUE(context->reload_if_changed().value());
}

TEST_F(ReloadingContextTest, files_that_are_no_good_at_the_start_are_an_error) {
  test::write_text(files.path("server.pem"), "");
  EXPECT_FALSE(ReloadingContext::load(settings, std::make_shared<TicketKeys>()).has_value());
}

// Shards take the context while the main thread swaps it and changes the keys of tickets.
TEST_F(ReloadingContextTest, many_threads_connect_while_it_is_reloaded) {
  settings.client_certificate = ClientCertificate::kRequired;
  settings.trust.ca_files = {files.path("ca.pem")};
  ClientSettings client_settings = files.client_settings();
  client_settings.key_pair = files.issue("client", {.common_name = "c", .usage = test::TestUsage::kClient});
  const ClientPointer client = client_with(client_settings);
  const auto tickets = std::make_shared<TicketKeys>();
  auto loaded = ReloadingContext::load(settings, tickets);
  ASSERT_TRUE(loaded.has_value());
  ReloadingContext& context = **loaded;

  constexpr int kThreads = 3, kConnections = 20;
  std::atomic<int> good = 0, done = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      ClientSession session;
      for (int i = 0; i < kConnections; ++i) {
        TlsPair pair(context.current(), client, session);
        pair.run();
        if (pair.is_open() && pair.server.peer_identity()->common_name == "c") ++good;
        session = pair.client.session();
      }
      ++done;
    });
  }
  while (done < kThreads) {
    EXPECT_TRUE(context.reload().has_value());
    tickets->rotate();
    std::this_thread::yield();
  }
  threads.clear();
  EXPECT_EQ(good, kThreads * kConnections);
}

}  // namespace
}  // namespace penstock::tls

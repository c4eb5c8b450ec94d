#include "core/client_layers.h"

#include <algorithm>
#include <utility>

namespace penstock::core {
namespace {

class TextSink final : public ByteSink {
 public:
  explicit TextSink(std::string& text) : text_(text) {}
  void take(Bytes bytes) override { text_ += as_text(bytes); }

 private:
  std::string& text_;
};

}  // namespace

void ClientLayers::add(std::unique_ptr<StreamCodec> codec, Start start) {
  layers_.push_back({.codec = std::move(codec), .start = std::move(start)});
}

bool ClientLayers::is_open() const {
  return std::ranges::all_of(layers_, [](const Layer& each) { return each.codec->state() == StreamState::kOpen; });
}

bool ClientLayers::has_ended() const {
  return std::ranges::any_of(layers_, [](const Layer& each) { return each.codec->state() >= StreamState::kEnded; });
}

bool ClientLayers::has_failed() const {
  return std::ranges::any_of(layers_, [](const Layer& each) { return each.codec->state() == StreamState::kFailed; });
}

std::string ClientLayers::failure() const {
  for (const Layer& each : layers_) {
    if (each.codec->state() != StreamState::kFailed) continue;
    const StreamFailure& failure = each.codec->failure();
    return std::string(failure.reason) + ": " + failure.detail;
  }
  return {};
}

void ClientLayers::start_next() {
  for (Layer& layer : layers_) {
    TextSink down(layer.output);
    if (!std::exchange(layer.started, true) && layer.start) layer.start(down);
    if (layer.codec->state() != StreamState::kOpen) return;
  }
}

// What every layer has for the one below it, the highest first.
std::string ClientLayers::lower() {
  for (size_t i = layers_.size(); i-- > 1;) {
    const std::string bytes = std::exchange(layers_[i].output, {});
    TextSink down(layers_[i - 1].output);
    StreamCodec& below = *layers_[i - 1].codec;
    if (!bytes.empty() && below.state() == StreamState::kOpen) below.send(as_bytes(bytes), down);
  }
  return layers_.empty() ? std::string() : std::exchange(layers_[0].output, {});
}

std::string ClientLayers::begin() {
  start_next();
  return lower();
}

std::string ClientLayers::send(std::string_view bytes) {
  if (layers_.empty()) return std::string(bytes);
  waiting_ += bytes;
  if (!is_open() || waiting_.empty()) return {};
  TextSink down(layers_.back().output);
  layers_.back().codec->send(as_bytes(std::exchange(waiting_, {})), down);
  return lower();
}

std::string ClientLayers::receive(std::string_view bytes) {
  std::string input(bytes);
  for (Layer& layer : layers_) {
    std::string up;
    TextSink up_sink(up), down_sink(layer.output);
    if (!input.empty() && layer.codec->state() <= StreamState::kOpen)
      layer.codec->received(as_bytes(input), up_sink, down_sink);
    start_next();
    input = std::move(up);
  }
  received_ += input;
  std::string answer = lower();
  return answer + send({});
}

std::string ClientLayers::finish() {
  for (size_t i = layers_.size(); i-- > 0;) {
    TextSink down(layers_[i].output);
    if (layers_[i].codec->state() == StreamState::kOpen) layers_[i].codec->finish(down);
    const std::string bytes = i == 0 ? std::string() : std::exchange(layers_[i].output, {});
    if (bytes.empty() || layers_[i - 1].codec->state() != StreamState::kOpen) continue;
    TextSink below(layers_[i - 1].output);
    layers_[i - 1].codec->send(as_bytes(bytes), below);
  }
  return lower();
}

}  // namespace penstock::core

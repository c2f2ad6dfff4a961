#include "turns.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include <uv.h>

namespace {

constexpr size_t kMost = 16384;

// Looks on before the loop sleeps: to do so in JavaScript, in an immediate of every turn, is a third of what a wake of the
// agent costs.
struct Watch {
  uv_prepare_t prepare;
  uint64_t active;  // ns that the loop has not slept, until now
  uint64_t longest = 0;
  std::vector<double> turns;
  Watch **slot;  // emptied when it ends
  napi_async_cleanup_hook_handle hook = nullptr;
};

uint64_t active_ns(uv_loop_t *loop) { return uv_hrtime() - uv_metrics_idle_time(loop); }

void look(uv_prepare_t *prepare) {
  auto *watch = static_cast<Watch *>(prepare->data);
  const uint64_t active = active_ns(prepare->loop), turn = active - watch->active;
  watch->active = active;
  watch->longest = std::max(watch->longest, turn);
  if (watch->turns.size() < kMost) watch->turns.push_back(static_cast<double>(turn));
}

void end(Watch *watch) {
  if (watch->slot == nullptr) return;
  *watch->slot = nullptr;
  watch->slot = nullptr;
  uv_close(reinterpret_cast<uv_handle_t *>(&watch->prepare), [](uv_handle_t *handle) {
    auto *ended = static_cast<Watch *>(handle->data);
    napi_remove_async_cleanup_hook(ended->hook);
    delete ended;
  });
}

class TurnWatch : public Napi::ObjectWrap<TurnWatch> {
 public:
  explicit TurnWatch(const Napi::CallbackInfo &info) : ObjectWrap(info) {
    uv_loop_t *loop = nullptr;
    if (napi_get_uv_event_loop(info.Env(), &loop) != napi_ok) throw Napi::Error::New(info.Env(), "no event loop");
    watch_ = new Watch{};
    watch_->slot = &watch_;
    watch_->active = active_ns(loop);
    watch_->prepare.data = watch_;
    uv_prepare_init(loop, &watch_->prepare);
    uv_prepare_start(&watch_->prepare, look);
    uv_unref(reinterpret_cast<uv_handle_t *>(&watch_->prepare));
    const auto ended = [](napi_async_cleanup_hook_handle, void *watch) { end(static_cast<Watch *>(watch)); };
    napi_add_async_cleanup_hook(info.Env(), ended, watch_, &watch_->hook);
  }

  ~TurnWatch() override {
    if (watch_ != nullptr) end(watch_);
  }

  Napi::Value take(const Napi::CallbackInfo &info) {
    if (watch_ == nullptr) return Napi::Float64Array::New(info.Env(), 0);
    std::vector<double> &turns = watch_->turns;
    if (turns.size() == kMost) turns.back() = static_cast<double>(watch_->longest);
    auto taken = Napi::Float64Array::New(info.Env(), turns.size());
    if (!turns.empty()) memcpy(taken.Data(), turns.data(), turns.size() * sizeof(double));
    turns.clear();
    watch_->longest = 0;
    return taken;
  }

  Napi::Value close(const Napi::CallbackInfo &info) {
    if (watch_ != nullptr) end(watch_);
    return info.Env().Undefined();
  }

 private:
  Watch *watch_ = nullptr;
};

}  // namespace

Napi::Function define_turn_watch(Napi::Env env) {
  return Napi::ObjectWrap<TurnWatch>::DefineClass(
      env, "TurnWatch",
      {Napi::ObjectWrap<TurnWatch>::InstanceMethod<&TurnWatch::take>("take"),
       Napi::ObjectWrap<TurnWatch>::InstanceMethod<&TurnWatch::close>("close")});
}

#include "bell.h"

#include <cerrno>
#include <memory>

#include "failure.h"
#include "sensor.h"

void Bell::start(Napi::Env env, Sensor *sensor, Napi::Function callback, Bell **slot) {
  uv_loop_t *loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) throw Failure{"doorbell", EINVAL, "no event loop"};
  auto bell = std::unique_ptr<Bell>(new Bell(env, sensor, callback, slot));
  const int error = uv_poll_init(loop, &bell->poll_, sensor->bell_fd());
  if (error != 0) throw Failure{"doorbell", -error, ""};
  Bell *running = bell.release();
  running->poll_.data = running->timer_.data = running;
  uv_timer_init(loop, &running->timer_);
  uv_poll_start(&running->poll_, UV_READABLE, rung);
  napi_add_async_cleanup_hook(env, ended, running, &running->hook_);
  *slot = running;
}

void Bell::ring_after(uint64_t ms) {
  if (ms == 0) {
    uv_timer_stop(&timer_);
    return;
  }
  uv_update_time(timer_.loop);  // else it counts from when this turn of the loop began
  uv_timer_start(&timer_, due, ms, 0);
}

void Bell::stop() {
  if (slot_ == nullptr) return;
  *slot_ = nullptr;
  slot_ = nullptr;
  callback_.Reset();
  uv_timer_stop(&timer_);
  // The descriptor is let go at once: another may wait for it now.
  uv_close(reinterpret_cast<uv_handle_t *>(&poll_), [](uv_handle_t *poll) {
    auto *bell = static_cast<Bell *>(poll->data);
    uv_close(reinterpret_cast<uv_handle_t *>(&bell->timer_), closed);
  });
}

Bell::Bell(Napi::Env env, Sensor *sensor, Napi::Function callback, Bell **slot)
    : env_(env),
      sensor_(sensor),
      callback_(Napi::Persistent(callback)),
      context_(env, "falco_pipe:doorbell"),
      slot_(slot) {}

void Bell::ended(napi_async_cleanup_hook_handle, void *bell) { static_cast<Bell *>(bell)->stop(); }

void Bell::closed(uv_handle_t *timer) {
  auto *bell = static_cast<Bell *>(timer->data);
  napi_remove_async_cleanup_hook(bell->hook_);
  delete bell;
}

void Bell::rung(uv_poll_t *poll, int, int) {
  auto *bell = static_cast<Bell *>(poll->data);
  bell->sensor_->silence();
  uv_timer_stop(&bell->timer_);
  bell->call();
}

void Bell::due(uv_timer_t *timer) { static_cast<Bell *>(timer->data)->call(); }

void Bell::call() {
  const Napi::HandleScope scope(env_);
  try {
    callback_.MakeCallback(env_.Global(), std::initializer_list<napi_value>{}, context_);
  } catch (const Napi::Error &error) {
    napi_fatal_exception(env_, error.Value());
  }
}

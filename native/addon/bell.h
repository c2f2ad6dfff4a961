// Calls a function of the JavaScript side when a sensor rings, and when that has been waited for long enough: a timer of
// Node.js's own costs twice as much.
#pragma once
#include <cstdint>

#include <napi.h>
#include <uv.h>

class Sensor;

// It is stopped by its owner or by the end of the environment, whichever comes first, empties the owner's `slot` then, and
// frees itself when its handles are closed.
class Bell {
 public:
  // Throws Failure.
  static void start(Napi::Env env, Sensor *sensor, Napi::Function callback, Bell **slot);

  // Calls after so many ms as if it had rung, unless this is called again before; 0: not.
  void ring_after(uint64_t ms);
  void stop();

 private:
  Bell(Napi::Env env, Sensor *sensor, Napi::Function callback, Bell **slot);

  static void ended(napi_async_cleanup_hook_handle, void *bell);
  static void closed(uv_handle_t *timer);
  static void rung(uv_poll_t *poll, int, int);
  static void due(uv_timer_t *timer);
  void call();

  Napi::Env env_;
  Sensor *sensor_;
  Napi::FunctionReference callback_;
  Napi::AsyncContext context_;
  uv_poll_t poll_{};
  uv_timer_t timer_{};
  napi_async_cleanup_hook_handle hook_ = nullptr;
  Bell **slot_;
};

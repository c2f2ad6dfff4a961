// How long the turns of the event loop take, without what it sleeps.
#pragma once
#include <napi.h>

// TurnWatch: `take()` returns the turns since it was last called, in ns, as a Float64Array: the first 16,384 of them, and
// the longest of all. `close()` ends it; it keeps no program alive.
Napi::Function define_turn_watch(Napi::Env env);

// The JavaScript door of the addon. Everything is per environment, so worker threads may load it too.
#include <cstdint>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include <napi.h>

#include "bell.h"
#include "failure.h"
#include "grace.h"
#include "host.h"
#include "index.h"
#include "memory.h"
#include "probe.h"
#include "sensor.h"
#include "turns.h"

namespace {

constexpr double kLongestWait = 1e12;  // ms; longer is as long as it takes

Napi::Error to_error(Napi::Env env, const Failure &failure) {
  Napi::Error error = Napi::Error::New(env, failure.step + ": " + failure.reason());
  error.Set("step", failure.step);
  error.Set("errno", static_cast<double>(failure.error));
  error.Set("log", failure.log);
  return error;
}

std::vector<uint8_t> bytes_of(const Napi::Value &value) {
  const auto bytes = value.As<Napi::Uint8Array>();
  return std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.ByteLength());
}

// Copies an array of u16 as far as there is room.
template <typename Word, size_t room>
void copy_words(const Napi::Value &value, Word (&into)[room]) {
  const auto words = value.As<Napi::TypedArrayOf<Word>>();
  for (size_t i = 0; i < room && i < words.ElementLength(); i++) into[i] = words[i];
}

Wanted wanted_of(const Napi::Object &given) {
  const auto flag = [&](const char *name) { return given.Get(name).ToBoolean().Value(); };
  Wanted wanted{};
  filter &words = wanted.words;
  copy_words(given.Get("calls"), words.calls);
  copy_words(given.Get("keep"), words.keep);
  copy_words(given.Get("test"), words.test);
  copy_words(given.Get("byComm"), words.by_comm);
  __u16 hidden[2] = {};
  copy_words(given.Get("hidden"), hidden);
  words.hidden = {hidden[0], hidden[1]};
  words.history = flag("history");
  words.env = flag("env");
  words.real = flag("real");
  words.file = flag("file");
  words.room = flag("room");
  words.control = flag("control");
  const auto state = given.Get("state").As<Napi::Uint8Array>();
  memcpy(words.state, state.Data(), std::min(state.ByteLength(), sizeof words.state));
  __u16 tests[2] = {};
  copy_words(given.Get("tests"), tests);
  words.tests = {tests[0], tests[1]};
  __u16 ends[4] = {};
  copy_words(given.Get("endTests"), ends);
  words.ends[END_ADDRESS] = {ends[0], ends[1]};
  words.ends[END_PORT] = {ends[2], ends[3]};
  words.data = static_cast<__u16>(given.Get("data").ToNumber().Uint32Value());
  const auto starts = given.Get("starts").As<Napi::BigUint64Array>();
  words.prefix_starts = starts[0];
  words.name_starts = starts[1];
  words.name_ends = starts[2];
  words.short_starts = starts[3];
  copy_words(given.Get("longStarts"), words.long_starts);
  copy_words(given.Get("commStarts"), words.comm_starts);
  wanted.prefixes = bytes_of(given.Get("prefixes"));
  wanted.names = bytes_of(given.Get("names"));
  wanted.comms = bytes_of(given.Get("comms"));
  wanted.ends = bytes_of(given.Get("ends"));
  wanted.uring = flag("uring");
  return wanted;
}

class IndexHandle : public Napi::ObjectWrap<IndexHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "RecordIndex", {InstanceMethod<&IndexHandle::index>("index")});
  }

  explicit IndexHandle(const Napi::CallbackInfo &info) : ObjectWrap(info) {}

  RecordIndex *get() { return &index_; }

  static bool has_room(const Napi::Uint32Array &rows, size_t length) {
    return rows_for(length) * sizeof(Row) <= rows.ByteLength();
  }

 private:
  // index(bytes, length, rows): writes the rows.
  Napi::Value index(const Napi::CallbackInfo &info) {
    const auto bytes = info[0].As<Napi::Uint8Array>();
    const size_t length = info[1].ToNumber().Uint32Value();
    auto rows = info[2].As<Napi::Uint32Array>();
    if (length > bytes.ByteLength() || !has_room(rows, length))
      throw Napi::RangeError::New(info.Env(), "index(bytes, length, rows): no room for that many records");
    index_.index(bytes.Data(), length, reinterpret_cast<Row *>(rows.Data()));
    return info.Env().Undefined();
  }

  RecordIndex index_;
};

class SensorHandle : public Napi::ObjectWrap<SensorHandle> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Sensor", {
      InstanceMethod<&SensorHandle::drain>("drain"),
      InstanceMethod<&SensorHandle::arm>("arm"),
      InstanceMethod<&SensorHandle::on_doorbell>("onDoorbell"),
      InstanceMethod<&SensorHandle::configure>("configure"),
      InstanceMethod<&SensorHandle::await_running>("awaitPrograms"),
      InstanceMethod<&SensorHandle::scan>("scan"),
      InstanceMethod<&SensorHandle::counters>("counters"),
      InstanceMethod<&SensorHandle::programs>("programs"),
      InstanceMethod<&SensorHandle::close>("close"),
    });
  }

  explicit SensorHandle(const Napi::CallbackInfo &info) : ObjectWrap(info) {
    const auto given = info[0].As<Napi::Object>();
    SensorOptions options{};
    options.object = given.Get("object").ToString();
    options.ring_bytes = given.Get("ringBytes").ToNumber().Uint32Value();
    options.descendants_of = given.Get("descendantsOf").ToNumber().Uint32Value();
    options.args_head = given.Get("argsHead").ToNumber().Uint32Value();
    options.env_head = given.Get("envHead").ToNumber().Uint32Value();
    options.spare_files = given.Get("spareFiles").ToNumber().Uint32Value();
    if (given.Get("perf").IsBoolean()) options.perf = given.Get("perf").ToBoolean().Value();
    try {
      sensor_ = std::make_unique<Sensor>(options, wanted_of(given));
    } catch (const Failure &failure) {
      throw to_error(info.Env(), failure);
    }
  }

  ~SensorHandle() override {
    if (bell_ != nullptr) bell_->stop();
  }

 private:
  Sensor &sensor(Napi::Env env) {
    if (sensor_ == nullptr) throw Napi::Error::New(env, "the sensor is closed");
    return *sensor_;
  }

  // drain(into, index?, rows?): the bytes copied; with an index, rows are written of them.
  Napi::Value drain(const Napi::CallbackInfo &info) {
    if (!info[0].IsTypedArray()) throw Napi::TypeError::New(info.Env(), "drain(into): into must be a Uint8Array");
    auto into = info[0].As<Napi::Uint8Array>();
    Sensor &open = sensor(info.Env());
    RecordIndex *index = nullptr;
    if (info[1].IsObject()) {
      auto rows = info[2].As<Napi::Uint32Array>();
      if (!IndexHandle::has_room(rows, into.ByteLength()))
        throw Napi::RangeError::New(info.Env(), "drain(into, index, rows): no room for that many records");
      index = IndexHandle::Unwrap(info[1].As<Napi::Object>())->get();
      index->begin(into.Data(), reinterpret_cast<Row *>(rows.Data()));
    }
    if (bell_ != nullptr) bell_->ring_after(0);
    bool stuck = false;
    const size_t copied = open.drain(into.Data(), into.ByteLength(), &stuck, index);
    if (index != nullptr) index->end();
    if (stuck) throw Napi::RangeError::New(info.Env(), "drain(into): into is smaller than the next record");
    return Napi::Number::New(info.Env(), static_cast<double>(copied));
  }

  // arm(bytes, within): `within` in ms, 0 for as long as it takes.
  Napi::Value arm(const Napi::CallbackInfo &info) {
    const bool there = sensor(info.Env()).arm(info[0].ToNumber().Uint32Value());
    const double within = std::ceil(info[1].ToNumber().DoubleValue());
    const bool waits = !there && within > 0 && within <= kLongestWait;
    if (bell_ != nullptr) bell_->ring_after(waits ? static_cast<uint64_t>(within) : 0);
    return Napi::Boolean::New(info.Env(), there);
  }

  Napi::Value on_doorbell(const Napi::CallbackInfo &info) {
    if (!info[0].IsFunction()) throw Napi::TypeError::New(info.Env(), "onDoorbell(callback): not a function");
    Sensor &open = sensor(info.Env());
    silence();
    try {
      Bell::start(info.Env(), &open, info[0].As<Napi::Function>(), &bell_);
    } catch (const Failure &failure) {
      throw to_error(info.Env(), failure);
    }
    Ref();  // a sensor that may still ring is in use
    return info.Env().Undefined();
  }

  Napi::Value configure(const Napi::CallbackInfo &info) {
    try {
      sensor(info.Env()).configure(wanted_of(info[0].As<Napi::Object>()));
      return info.Env().Undefined();
    } catch (const Failure &failure) {
      throw to_error(info.Env(), failure);
    }
  }

  Napi::Value await_running(const Napi::CallbackInfo &info) {
    try {
      await_programs();
      return info.Env().Undefined();
    } catch (const Failure &failure) {
      throw to_error(info.Env(), failure);
    }
  }

  Napi::Value scan(const Napi::CallbackInfo &info) {
    try {
      const auto bytes = sensor(info.Env()).scan(info[0].ToNumber().Uint32Value());
      auto copy = Napi::Uint8Array::New(info.Env(), bytes.size());
      if (!bytes.empty()) memcpy(copy.Data(), bytes.data(), bytes.size());
      return copy;
    } catch (const Failure &failure) {
      throw to_error(info.Env(), failure);
    }
  }

  // One array: sent, dropped, refused, filtered, COUNTED each; then uring_lost, shortened.
  Napi::Value counters(const Napi::CallbackInfo &info) {
    try {
      const auto sum = sensor(info.Env()).count();
      auto numbers = Napi::Float64Array::New(info.Env(), 4 * COUNTED + 2);
      for (int kind = 0; kind < COUNTED; kind++) {
        numbers[kind] = static_cast<double>(sum.sent[kind]);
        numbers[COUNTED + kind] = static_cast<double>(sum.dropped[kind]);
        numbers[2 * COUNTED + kind] = static_cast<double>(sum.refused[kind]);
        numbers[3 * COUNTED + kind] = static_cast<double>(sum.filtered[kind]);
      }
      numbers[4 * COUNTED] = static_cast<double>(sum.uring_lost);
      numbers[4 * COUNTED + 1] = static_cast<double>(sum.shortened);
      return numbers;
    } catch (const Failure &failure) {
      throw to_error(info.Env(), failure);
    }
  }

  Napi::Value programs(const Napi::CallbackInfo &info) {
    auto list = Napi::Array::New(info.Env());
    for (const ProgramState &state : sensor(info.Env()).programs()) {
      auto entry = Napi::Object::New(info.Env());
      entry.Set("name", state.name);
      entry.Set("attached", state.attached);
      entry.Set("runCount", static_cast<double>(state.runs));
      entry.Set("runNs", static_cast<double>(state.run_ns));
      entry.Set("missed", static_cast<double>(state.missed));
      entry.Set("obstacle", state.obstacle);
      entry.Set("risk", state.risk);
      list.Set(list.Length(), entry);
    }
    return list;
  }

  Napi::Value close(const Napi::CallbackInfo &info) {
    silence();
    sensor_.reset();
    return info.Env().Undefined();
  }

  void silence() {
    if (bell_ == nullptr) return;
    bell_->stop();
    Unref();
  }

  std::unique_ptr<Sensor> sensor_;
  Bell *bell_ = nullptr;
};

Napi::Value Probe(const Napi::CallbackInfo &info) {
  auto features = Napi::Array::New(info.Env());
  for (const Feature &feature : probe_features()) {
    auto entry = Napi::Object::New(info.Env());
    entry.Set("name", feature.name);
    entry.Set("present", feature.present);
    entry.Set("error", feature.error);
    features.Set(features.Length(), entry);
  }
  auto result = Napi::Object::New(info.Env());
  result.Set("features", features);
  result.Set("libbpf", libbpf_version());
  return result;
}

Napi::Value MeasurePrograms(const Napi::CallbackInfo &info) {
  auto list = Napi::Array::New(info.Env());
  for (const RunningProgram &program : measure_programs(info[0].ToNumber().Uint32Value())) {
    auto entry = Napi::Object::New(info.Env());
    entry.Set("id", program.id);
    entry.Set("name", program.name);
    entry.Set("instructions", program.instructions);
    entry.Set("runs", static_cast<double>(program.runs));
    entry.Set("runNs", static_cast<double>(program.run_ns));
    entry.Set("missed", static_cast<double>(program.missed));
    list.Set(list.Length(), entry);
  }
  return list;
}

Napi::Value NotifySystemd(const Napi::CallbackInfo &info) {
  return Napi::Boolean::New(info.Env(), notify_systemd(info[0].ToString()));
}

// sendDatagram(path, bytes): '' or the name of what is wrong, as EAGAIN.
Napi::Value SendDatagram(const Napi::CallbackInfo &info) {
  if (!info[1].IsTypedArray()) throw Napi::TypeError::New(info.Env(), "sendDatagram(path, bytes): no Uint8Array");
  const auto bytes = info[1].As<Napi::Uint8Array>();
  const int error = send_datagram(info[0].ToString(), bytes.Data(), bytes.ByteLength(), false);
  return Napi::String::New(info.Env(), error == 0 ? "" : strerrorname_np(error));
}

Napi::Value BootOffsetNs(const Napi::CallbackInfo &info) { return Napi::BigInt::New(info.Env(), boot_offset_ns()); }

Napi::Value TrimMemory(const Napi::CallbackInfo &info) {
  trim_memory();
  return info.Env().Undefined();
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports.Set("Sensor", SensorHandle::define(env));
  exports.Set("RecordIndex", IndexHandle::define(env));
  exports.Set("TurnWatch", define_turn_watch(env));
  exports.Set("probe", Napi::Function::New<Probe>(env));
  exports.Set("measurePrograms", Napi::Function::New<MeasurePrograms>(env));
  exports.Set("notifySystemd", Napi::Function::New<NotifySystemd>(env));
  exports.Set("sendDatagram", Napi::Function::New<SendDatagram>(env));
  exports.Set("trimMemory", Napi::Function::New<TrimMemory>(env));
  exports.Set("bootOffsetNs", Napi::Function::New<BootOffsetNs>(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(falco_pipe, Init)

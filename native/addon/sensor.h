// The loaded kernel programs: open, load, attach, read, close. Nothing of JavaScript here.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <linux/types.h>

#include "../bpf/shared.h"
#include "ring.h"

struct bpf_link;
struct bpf_map;
struct bpf_object;
struct bpf_program;
struct btf;

// What is collected.
struct Wanted {
  filter words;
  std::vector<uint8_t> prefixes, names, comms, ends;  // entries of the maps of these names: key and value, one after the other
  bool uring;                            // also what goes through io_uring, where the kernel can
};

struct SensorOptions {
  std::string object;  // path of sensor.bpf.o
  uint32_t ring_bytes;
  uint32_t descendants_of;  // 0: the whole machine
  uint32_t args_head, env_head;  // as in `config` of shared.h
  uint32_t spare_files;  // that must be free beside its own
  std::optional<bool> perf;  // whether programs are attached through perf; default: where they would be preempted
};

struct ProgramState {
  std::string name;
  bool attached;
  uint64_t runs, run_ns;  // 0 unless kernel.bpf_stats_enabled
  uint64_t missed;        // times it was skipped because it was already running on that CPU
  std::string obstacle;   // why it is not loaded, though there is something to see
  std::string risk;       // why it can be skipped while others are preempted in it
};

// What the kernel programs and we share.
struct Unmapper {
  size_t bytes = 0;
  void operator()(const void *mapped) const;
};
template <typename Value>
using Mapped = std::unique_ptr<Value, Unmapper>;

class Sensor {
 public:
  // Loads and attaches; on return events flow. Throws Failure.
  Sensor(const SensorOptions &options, const Wanted &wanted);
  Sensor(const Sensor &) = delete;
  Sensor &operator=(const Sensor &) = delete;

  // As of Ring. Who looks is awake: what was asked for by `arm` is taken back.
  size_t drain(uint8_t *into, size_t room, bool *stuck, RecordIndex *index);
  // Asks for a wakeup when so many bytes are in the ring, at least 1. True when they are there already; then none comes.
  bool arm(uint32_t bytes);
  // Readable when the bell has rung.
  int bell_fd() const;
  void silence() { bell_->skip(); }
  // Collects something else from now on. What both the old and the new want is not missed meanwhile. Throws Failure.
  void configure(const Wanted &wanted);
  // What runs: all processes in scope, or one (0: all). Framed as in the ring. Throws Failure.
  std::vector<uint8_t> scan(uint32_t tgid);
  counters count() const;
  // Of the programs that are attached to tracepoints.
  std::vector<ProgramState> programs() const;

 private:
  void load(const SensorOptions &options, const std::set<std::string> &uring);
  void load_what_can(const SensorOptions &options);
  // Why not all programs of the object, with those of io_uring, can be attached through perf; empty: they can.
  std::string perf_obstacle_here(const std::set<std::string> &uring) const;
  void add_entries(const char *name, const std::vector<uint8_t> &entries);
  void remove_other_entries(const char *name, const std::vector<uint8_t> &entries);
  void attach(const char *program, bool wanted);
  // Of a program, by its name, the form that is in use here, and the one for perf; null: there is none.
  bpf_program *form_of(const std::string &name) const;
  bpf_program *perf_form_of(const std::string &name) const;
  // Whether a process was found that was not in the scope already.
  bool seed(uint32_t pid);
  bpf_map *map(const char *name) const;
  // Runs a task iterator to its end and returns what it wrote; over one thread only where `tid` is not 0 and that is
  // possible.
  std::vector<uint8_t> iterate(const char *program, uint32_t tid);

  struct ObjectDeleter { void operator()(bpf_object *object) const; };
  struct LinkDeleter { void operator()(bpf_link *link) const; };
  // The values of a map, in whole pages.
  template <typename Value> Mapped<Value> mapped(const char *name, int access) const;
  // Released from the last to the first: nothing is unloaded before it is detached.
  std::unique_ptr<bpf_object, ObjectDeleter> object_;
  std::string uring_obstacle_;  // why what goes through io_uring is not seen
  bool perf_ = false;           // programs are attached through perf
  std::string risk_;            // why they are not, though they can be preempted
  std::unique_ptr<Ring> ring_, bell_;
  Mapped<control> control_;
  Mapped<filter> filter_;
  Mapped<const counters> counts_;  // the first of them, by processor
  std::map<std::string, std::unique_ptr<bpf_link, LinkDeleter>> links_;  // by program
};

#include "sensor.h"

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "failure.h"
#include "perf.h"
#include "types.h"
#include "uring.h"

namespace {

constexpr int kMaxSeedPasses = 64;

// While we sleep all processors together may send a ring's so-manieth part before one looks how full it is.
constexpr uint32_t kLooks = 32;

// Programs that nothing wants cost nothing: they are loaded, not attached.
constexpr const char *kLifePrograms[] = {"on_fork", "on_exec", "on_exit", "on_cgroup"};
static_assert(sizeof(filter) <= 4096, "the filter is one page");

bool reads_calls(const filter &words) {
  for (const __u16 call : words.calls) {
    if (call != 0) return true;
  }
  return false;
}

size_t entry_size(const bpf_map *map) { return bpf_map__key_size(map) + bpf_map__value_size(map); }

bool is_in(const bpf_program *program, std::string_view section) {
  return std::string_view(bpf_program__section_name(program)).starts_with(section);
}

bool is_iterator(const bpf_program *program) { return is_in(program, "iter"); }
bool is_perf_form(const bpf_program *program) { return is_in(program, "tp/"); }

// The same for both forms of a program.
std::string name_of(const bpf_program *program) {
  const std::string name = bpf_program__name(program);
  return is_perf_form(program) ? name.substr(0, name.size() - strlen(kPerfForm)) : name;
}

bool is_uring(const std::string &name) { return name.starts_with("on_uring_"); }

bpf_link *attach_to_tracepoint(const bpf_program *program) {
  LogCapture log;
  bpf_link *link = bpf_program__attach(program);
  if (link == nullptr) throw Failure{"attach", errno, std::string(bpf_program__name(program)) + ": " + log.take()};
  return link;
}

// How many numbers processors can have. Those that are left out, as on machines with gaps in their numbers, count.
uint32_t processor_numbers() {
  constexpr const char *kPath = "/sys/devices/system/cpu/possible";
  std::ifstream file(kPath);
  std::string list;  // as in "0-3,8-11"; rising
  if (!(file >> list)) throw Failure{"processors", EIO, std::string(kPath) + " cannot be read"};
  const char *last = list.c_str() + (list.find_last_of(",-") + 1);
  char *end = nullptr;
  const unsigned long highest = strtoul(last, &end, 10);
  if (end == last || *end != '\0') throw Failure{"processors", EIO, std::string(kPath) + " is no list of numbers: " + list};
  return static_cast<uint32_t>(highest) + 1;
}

size_t page_size() { return static_cast<size_t>(sysconf(_SC_PAGESIZE)); }

// Descriptors that libbpf and we have for a moment, while it tries what the kernel can and we attach.
constexpr size_t kPassingFiles = 8;

// Whether so many can be opened is found out first: libbpf takes a kernel that gives it none for one that knows too little.
void need_files(size_t count) {
  std::vector<int> taken;
  int error = 0;
  while (error == 0 && taken.size() < count) {
    const int fd = taken.empty() ? open("/", O_PATH | O_CLOEXEC) : fcntl(taken.front(), F_DUPFD_CLOEXEC, 0);
    if (fd < 0) error = errno;
    else taken.push_back(fd);
  }
  for (const int fd : taken) close(fd);
  if (error != 0) throw Failure{"files", error, "it needs " + std::to_string(count) + " and gets " + std::to_string(taken.size())};
}

// The verifier gives up with EAGAIN at a pending signal: a profiler's, or one that a timer sends, would keep us from starting.
int load_undisturbed(bpf_object *object) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  const int error = bpf_object__load(object);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return error;
}

}  // namespace

void Sensor::ObjectDeleter::operator()(bpf_object *object) const { bpf_object__close(object); }
void Sensor::LinkDeleter::operator()(bpf_link *link) const { bpf_link__destroy(link); }
void Unmapper::operator()(const void *mapped) const { munmap(const_cast<void *>(mapped), bytes); }

Sensor::Sensor(const SensorOptions &options, const Wanted &wanted) {
  load_what_can(options);
  // libbpf rounds sizes up to this machine's page.
  ring_ = std::make_unique<Ring>(bpf_map__fd(map("ring")), bpf_map__max_entries(map("ring")));
  bell_ = std::make_unique<Ring>(bpf_map__fd(map("bell")), bpf_map__max_entries(map("bell")));
  control_ = mapped<control>(".bss.control", PROT_READ | PROT_WRITE);
  filter_ = mapped<filter>(".bss.filter", PROT_READ | PROT_WRITE);
  counts_ = mapped<const counters>("counts", PROT_READ);
  // Before anything is attached the sensor must know itself, and the root of its scope.
  const bool seeded = seed(options.descendants_of);
  if (options.descendants_of != 0 && !seeded) throw Failure{"scope", ESRCH, std::to_string(options.descendants_of)};
  for (const char *program : kLifePrograms) attach(program, true);
  configure(wanted);
  // From here on forks keep the scope; what was forked meanwhile is found by looking once more.
  if (options.descendants_of != 0) seed(options.descendants_of);
}

// All or none: what is attached both ways is not in order.
std::string Sensor::perf_obstacle_here(const std::set<std::string> &uring) const {
  bpf_program *program;
  bpf_object__for_each_program(program, object_.get()) {
    const std::string name = name_of(program);
    if (!is_perf_form(program) || (is_uring(name) && !uring.contains(name))) continue;
    const std::string obstacle = perf_obstacle(program);
    if (!obstacle.empty()) return obstacle;
  }
  return "";
}

// What can be done without is left out when it is refused: io_uring, whose tracepoints have changed over the years, then perf.
void Sensor::load_what_can(const SensorOptions &options) {
  LogCapture quiet;
  Types types = kernel_types();
  const UringSupport uring = uring_support(types.get());
  perf_ = options.perf.value_or(preempts_programs(types.get()));
  types.reset();
  std::set<std::string> programs = uring.programs;
  uring_obstacle_ = uring.obstacle;
  for (;;) {
    try {
      return load(options, programs);
    } catch (const Failure &failure) {
      if (failure.step != "load" || failure.error == EPERM || (programs.empty() && !perf_)) throw;
      std::string &why = programs.empty() ? risk_ : uring_obstacle_;
      why = "the kernel refused its programs: " + failure.reason();
    }
    if (!programs.empty()) {
      programs.clear();
      continue;
    }
    perf_ = false;
    programs = uring.programs;
    uring_obstacle_ = uring.obstacle;
  }
}

void Sensor::load(const SensorOptions &options, const std::set<std::string> &uring) {
  LogCapture log;
  object_.reset(bpf_object__open_file(options.object.c_str(), nullptr));
  if (object_ == nullptr) throw Failure{"open", errno, log.take()};
  if (perf_) {
    risk_ = perf_obstacle_here(uring);
    perf_ = risk_.empty();
  }
  config values{};
  values.refuse_above = options.ring_bytes / 4ull * 3;
  values.look_after = options.ring_bytes / kLooks / processor_numbers();
  values.scoped = options.descendants_of != 0;
  values.args_head = options.args_head;
  values.env_head = options.env_head;
  values.page_kb = static_cast<__u8>(sysconf(_SC_PAGESIZE) / 1024);
  int error = bpf_map__set_initial_value(map(".rodata.config"), &values, sizeof values);
  if (error == 0) error = bpf_map__set_max_entries(map("counts"), processor_numbers());
  if (error == 0) error = bpf_map__set_max_entries(map("ring"), options.ring_bytes);
  if (error == 0 && options.descendants_of == 0) error = bpf_map__set_max_entries(map("scope"), 1);
  if (error == 0 && uring.empty()) error = bpf_map__set_max_entries(map("requests"), 1);
  size_t files = kPassingFiles + options.spare_files;
  bpf_map *each;
  bpf_object__for_each_map(each, object_.get()) files++;
  bpf_program *program;
  bpf_object__for_each_program(program, object_.get()) {
    const std::string name = name_of(program);
    const bool wanted = is_iterator(program) || (form_of(name) == program && (!is_uring(name) || uring.contains(name)));
    if (error == 0) error = bpf_program__set_autoload(program, wanted);
    if (wanted) files += is_perf_form(program) ? 3 : 2;  // itself, its link and what perf records
  }
  if (error != 0) throw Failure{"open", -error, log.take()};
  need_files(files);
  error = load_undisturbed(object_.get());
  if (error != 0) throw Failure{"load", -error, log.take()};
  // Loading parses the kernel's types, some megabytes that nobody needs again: they go back to the system.
  malloc_trim(0);
}

void Sensor::configure(const Wanted &wanted) {
  add_entries("prefixes", wanted.prefixes);
  add_entries("names", wanted.names);
  add_entries("comms", wanted.comms);
  add_entries("ends", wanted.ends);
  // The numbers of the calls come last: no call may be looked at whose filter is not there yet.
  const filter &words = wanted.words;
  memcpy(filter_.get(), &words, offsetof(filter, calls));
  memcpy(filter_->keep, words.keep, sizeof words - offsetof(filter, keep));
  __atomic_thread_fence(__ATOMIC_RELEASE);  // other processors may see stores in another order
  memcpy(filter_->calls, words.calls, sizeof words.calls);
  remove_other_entries("prefixes", wanted.prefixes);
  remove_other_entries("names", wanted.names);
  remove_other_entries("comms", wanted.comms);
  remove_other_entries("ends", wanted.ends);
  const bool calls = reads_calls(words);
  attach("on_call", calls);
  for (const char *program : kUringPrograms) attach(program, calls && wanted.uring);
}

void Sensor::add_entries(const char *name, const std::vector<uint8_t> &entries) {
  const bpf_map *into = map(name);
  for (size_t at = 0; at + entry_size(into) <= entries.size(); at += entry_size(into)) {
    const uint8_t *key = entries.data() + at, *value = key + bpf_map__key_size(into);
    const int error =
        bpf_map__update_elem(into, key, bpf_map__key_size(into), value, bpf_map__value_size(into), BPF_ANY);
    if (error != 0) throw Failure{"configure", -error, std::string("filling the map ") + name};
  }
}

void Sensor::remove_other_entries(const char *name, const std::vector<uint8_t> &entries) {
  const bpf_map *from = map(name);
  const size_t size = bpf_map__key_size(from);
  std::set<std::vector<uint8_t>> kept, stale;
  for (size_t at = 0; at + entry_size(from) <= entries.size(); at += entry_size(from)) {
    kept.emplace(entries.data() + at, entries.data() + at + size);
  }
  std::vector<uint8_t> key(size), next(size);
  const void *before = nullptr;
  while (bpf_map_get_next_key(bpf_map__fd(from), before, next.data()) == 0) {
    key = next;
    before = key.data();
    if (!kept.contains(key)) stale.insert(key);
  }
  for (const auto &old : stale) bpf_map__delete_elem(from, old.data(), size, 0);
}

void Sensor::attach(const char *name, bool wanted) {
  bpf_program *program = form_of(name);
  if (!wanted || program == nullptr || !bpf_program__autoload(program)) {
    links_.erase(name);
    return;
  }
  if (links_.contains(name)) return;
  links_.emplace(name, is_perf_form(program) ? attach_to_perf(program) : attach_to_tracepoint(program));
}

bpf_program *Sensor::perf_form_of(const std::string &name) const {
  return bpf_object__find_program_by_name(object_.get(), (name + kPerfForm).c_str());
}

bpf_program *Sensor::form_of(const std::string &name) const {
  bpf_program *perf = perf_ ? perf_form_of(name) : nullptr;
  return perf != nullptr ? perf : bpf_object__find_program_by_name(object_.get(), name.c_str());
}

template <typename Value>
Mapped<Value> Sensor::mapped(const char *name, int access) const {
  const size_t bytes = static_cast<size_t>(bpf_map__max_entries(map(name))) * bpf_map__value_size(map(name));
  const size_t pages = (bytes + page_size() - 1) / page_size() * page_size();
  void *values = mmap(nullptr, pages, access, MAP_SHARED, bpf_map__fd(map(name)), 0);
  if (values == MAP_FAILED) throw Failure{"map", errno, name};
  return Mapped<Value>(static_cast<Value *>(values), Unmapper{pages});
}

bpf_map *Sensor::map(const char *name) const {
  bpf_map *found = bpf_object__find_map_by_name(object_.get(), name);
  if (found == nullptr) throw Failure{"open", ENOENT, std::string("the BPF object has no map ") + name};
  return found;
}

std::vector<uint8_t> Sensor::iterate(const char *program, uint32_t tid) {
  LogCapture log;
  bpf_program *iterator = bpf_object__find_program_by_name(object_.get(), program);
  if (iterator == nullptr) throw Failure{"scan", ENOENT, program};
  bpf_iter_link_info one{};
  one.task.tid = tid;
  bpf_iter_attach_opts options{};
  options.sz = sizeof options;
  options.link_info = &one;
  options.link_info_len = sizeof one;
  std::unique_ptr<bpf_link, LinkDeleter> link(bpf_program__attach_iter(iterator, tid != 0 ? &options : nullptr));
  // Kernels that cannot name a thread look at all: the program itself passes over the others.
  if (link == nullptr && tid != 0) link.reset(bpf_program__attach_iter(iterator, nullptr));
  if (link == nullptr) throw Failure{"scan", errno, log.take()};
  const int fd = bpf_iter_create(bpf_link__fd(link.get()));
  if (fd < 0) throw Failure{"scan", -fd, log.take()};
  std::vector<uint8_t> bytes;
  size_t used = 0;
  ssize_t got;
  do {
    bytes.resize(used + 65536);
    got = read(fd, bytes.data() + used, bytes.size() - used);
    if (got > 0) used += static_cast<size_t>(got);
  } while (got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN)));
  const int error = errno;
  close(fd);
  if (got < 0) throw Failure{"scan", error, log.take()};
  bytes.resize(used);
  return bytes;
}

// A child can be met before its parent, since the iterator goes by pid: again, until nothing is added.
bool Sensor::seed(uint32_t pid) {
  control_->seed_pid = pid;
  for (int pass = 0; pass < kMaxSeedPasses; pass++) {
    control_->seeded = 0;
    iterate("seed", 0);
    if (control_->seeded == 0) return pass > 0;
  }
  return true;
}

size_t Sensor::drain(uint8_t *into, size_t room, bool *stuck, RecordIndex *index) {
  __atomic_store_n(&control_->doorbell, 0u, __ATOMIC_RELAXED);
  return ring_->drain(into, room, stuck, index);
}

bool Sensor::arm(uint32_t bytes) {
  __atomic_store_n(&control_->doorbell, bytes, __ATOMIC_SEQ_CST);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (ring_->used() < bytes) return false;
  __atomic_store_n(&control_->doorbell, 0u, __ATOMIC_RELAXED);
  return true;
}

int Sensor::bell_fd() const { return bpf_map__fd(map("bell")); }

std::vector<uint8_t> Sensor::scan(uint32_t tgid) {
  control_->scan_tgid = tgid;
  // The kernel takes the number for one of our pid namespace, which must be the first for it to mean the same process.
  const bool same_numbers = control_->self == static_cast<uint32_t>(getpid());
  return iterate("scan", same_numbers ? tgid : 0);
}

counters Sensor::count() const {
  counters sum{};
  for (const counters &cpu : std::span(counts_.get(), bpf_map__max_entries(map("counts")))) {
    for (int kind = 0; kind < COUNTED; kind++) {
      sum.sent[kind] += cpu.sent[kind];
      sum.dropped[kind] += cpu.dropped[kind];
      sum.refused[kind] += cpu.refused[kind];
      sum.filtered[kind] += cpu.filtered[kind];
    }
    sum.uring_lost += cpu.uring_lost;
    sum.shortened += cpu.shortened;
  }
  return sum;
}

std::vector<ProgramState> Sensor::programs() const {
  std::vector<ProgramState> states;
  bpf_program *program;
  bpf_object__for_each_program(program, object_.get()) {
    const std::string name = name_of(program);
    if (is_iterator(program) || program != form_of(name)) continue;
    const bool loaded = bpf_program__autoload(program);
    if (!loaded && uring_obstacle_.empty()) continue;  // for other kernels
    ProgramState state{name, links_.contains(name), 0, 0, 0, loaded ? "" : uring_obstacle_, perf_form_of(name) != nullptr ? risk_ : ""};
    bpf_prog_info info{};
    uint32_t size = sizeof info;
    if (loaded && bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) == 0) {
      state.runs = info.run_cnt;
      state.run_ns = info.run_time_ns;
      state.missed = info.recursion_misses;
    }
    states.push_back(state);
  }
  return states;
}

#include "probe.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <map>
#include <set>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <unistd.h>

#include "failure.h"
#include "perf.h"
#include "types.h"
#include "uring.h"

namespace {

std::string words_of(int error) { return error == 0 ? "" : strerror(error); }

// Loads `return 0` as a tracing program; `target` is a tracepoint or an iterator in the kernel's BTF.
Feature try_tracing(const char *name, const char *target, bpf_attach_type type, uint32_t flags) {
  const int id = libbpf_find_vmlinux_btf_id(target, type);
  if (id < 0) return {name, false, words_of(-id)};
  const bpf_insn program[] = {
    {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .src_reg = 0, .off = 0, .imm = 0},
    {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0},
  };
  bpf_prog_load_opts options{};
  options.sz = sizeof options;
  options.expected_attach_type = type;
  options.attach_btf_id = static_cast<uint32_t>(id);
  options.prog_flags = flags;
  const int fd = bpf_prog_load(BPF_PROG_TYPE_TRACING, "falco_pipe_try", "GPL", program, 2, &options);
  if (fd < 0) return {name, false, words_of(-fd)};
  close(fd);
  return {name, true, ""};
}

Feature answer(const char *name, int result) { return {name, result == 1, words_of(result < 0 ? -result : 0)}; }

Feature kernel_function(const char *name, const btf *types) {
  return {name, types != nullptr && btf__find_by_name_kind(types, name, BTF_KIND_FUNC) > 0, ""};
}

// A kernel without io_uring hides nothing.
Feature uring(const btf *types) {
  const UringSupport support = uring_support(types);
  return {"io_uring", !support.programs.empty() || support.obstacle.empty(), support.obstacle};
}

}  // namespace

std::vector<Feature> probe_features() {
  LogCapture quiet;
  const Types types = kernel_types();
  return {
    try_tracing("tp_btf", "sched_process_exec", BPF_TRACE_RAW_TP, 0),
    try_tracing("iter.s/task", "task", BPF_TRACE_ITER, BPF_F_SLEEPABLE),
    answer("ringbuf", libbpf_probe_bpf_map_type(BPF_MAP_TYPE_RINGBUF, nullptr)),
    answer("bpf_loop", libbpf_probe_bpf_helper(BPF_PROG_TYPE_RAW_TRACEPOINT, BPF_FUNC_loop, nullptr)),
    kernel_function("bpf_rdonly_cast", types.get()),
    uring(types.get()),
  };
}

namespace {

const std::set<std::string> kOurs = {"on_fork", "on_exec",         "on_exit",          "on_cgroup",
                                     "on_call", "on_uring_submit", "on_uring_complete",
                                     "on_uring_overflow"};

// By id: the kernel gives none to two programs.
std::map<uint32_t, std::pair<std::string, bpf_prog_info>> our_programs() {
  std::map<uint32_t, std::pair<std::string, bpf_prog_info>> found;
  for (uint32_t id = 0; bpf_prog_get_next_id(id, &id) == 0;) {
    const int fd = bpf_prog_get_fd_by_id(id);
    if (fd < 0) continue;
    bpf_prog_info info{};
    uint32_t size = sizeof info;
    const bool known = bpf_obj_get_info_by_fd(fd, &info, &size) == 0 &&
                       (info.type == BPF_PROG_TYPE_TRACING || info.type == BPF_PROG_TYPE_TRACEPOINT);
    close(fd);
    // Names are cut at 15 letters.
    const auto is = [&](const std::string &name) { return name.substr(0, sizeof info.name - 1) == info.name; };
    for (const std::string &name : kOurs) {
      if (known && (is(name) || is(name + kPerfForm))) found.emplace(id, std::pair{name, info});
    }
  }
  return found;
}

}  // namespace

std::vector<RunningProgram> measure_programs(unsigned milliseconds) {
  LogCapture quiet;
  if (our_programs().empty()) return {};
  const int stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
  const auto before = our_programs();
  usleep(milliseconds * 1000);
  std::vector<RunningProgram> measured;
  for (const auto &[id, program] : our_programs()) {
    const auto old = before.find(id);
    if (old == before.end()) continue;
    const bpf_prog_info &info = program.second, &then = old->second.second;
    measured.push_back({id, program.first, info.verified_insns, info.run_cnt - then.run_cnt,
                        info.run_time_ns - then.run_time_ns, info.recursion_misses});
  }
  if (stats >= 0) close(stats);
  return measured;
}

std::string libbpf_version() { return std::string(libbpf_version_string()).substr(1); }

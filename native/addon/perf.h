// Programs on what perf records of tracepoints (bpf/perf.h), where those on the tracepoints themselves can be preempted.
#pragma once
#include <string>

struct bpf_link;
struct bpf_program;
struct btf;

// What the names of these programs have behind those of the others.
constexpr const char *kPerfForm = "_perf";

// Whether programs on tracepoints can be preempted on a kernel with these types: since Linux 7.0 tracepoints are guarded by
// SRCU, no longer by switching preemption off.
bool preempts_programs(const btf *types);

// Why a program of a section tp/CATEGORY/NAME cannot be attached to what perf records; empty: it can. Throws Failure where
// this process has run out of files or memory.
std::string perf_obstacle(const bpf_program *program);

// Attaches such a program. Throws Failure.
bpf_link *attach_to_perf(bpf_program *program);

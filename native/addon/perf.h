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

// Why programs cannot be attached to what perf records; empty: they can.
std::string perf_obstacle();

// Attaches a program of a section tp/CATEGORY/NAME. Throws Failure.
bpf_link *attach_to_perf(bpf_program *program);

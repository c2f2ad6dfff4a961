// Waits for BPF programs that are under way.
#pragma once

// Returns when each program that runs now has returned, also one that is preempted or whose processor is taken away from
// this machine: some 8 ms later. Throws Failure.
void await_programs();

// What this process holds of the machine's memory.
#pragma once

// Gives back what is held and not in use: free memory of the allocator, and pages of files (programs, libraries) that were
// mapped when they were read. Those stay in the system's cache, where whoever touches one again finds it.
void trim_memory();

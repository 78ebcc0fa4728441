// The parts of default_thread_count (cpu/thread_pool.h) that tests look at.
#pragma once

#include <string>

namespace llft::cpu {

// CPUs per unit of time that the cgroups of /proc/self/cgroup's text allow below `root` (usually
// /sys/fs/cgroup), versions 1 and 2; 0 where nothing limits.
double cgroup_cpu_quota(const std::string& proc_cgroup, const std::string& root);

// The value of LLFT_THREADS; throws Config.
int parse_thread_count(const char* text);

}  // namespace llft::cpu

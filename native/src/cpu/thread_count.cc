// How many threads this process may run at once.
#include "cpu/thread_count.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#ifdef __linux__
#include <sched.h>
#endif

#include "core/error.h"
#include "cpu/thread_pool.h"

namespace llft::cpu {
namespace {

constexpr long kMaxThreads = 1024;

std::string read_file(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  return file ? text.str() : "";
}

double quota_v2(const std::string& folder) {  // cpu.max: "<quota or max> <period>"
  std::istringstream text(read_file(folder + "/cpu.max"));
  double quota = 0, period = 0;
  return (text >> quota >> period) && quota > 0 && period > 0 ? quota / period : 0;
}

double quota_v1(const std::string& folder) {
  std::istringstream quota_text(read_file(folder + "/cpu.cfs_quota_us"));
  std::istringstream period_text(read_file(folder + "/cpu.cfs_period_us"));
  double quota = 0, period = 0;
  return (quota_text >> quota) && (period_text >> period) && quota > 0 && period > 0
             ? quota / period
             : 0;
}

// The smallest quota of a group and all groups above it, as each of them limits it.
template <class Quota>
double smallest_quota(const std::string& root, std::string group, const Quota& quota_of) {
  double smallest = 0;
  while (true) {
    const double quota = quota_of(root + group);
    if (quota > 0) smallest = smallest > 0 ? std::min(smallest, quota) : quota;
    const size_t slash = group.rfind('/');
    if (group.empty() || slash == std::string::npos) return smallest;
    group.resize(slash);
  }
}

int affinity_count() {
#ifdef __linux__
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1u, std::thread::hardware_concurrency());
}

}  // namespace

double cgroup_cpu_quota(const std::string& proc_cgroup, const std::string& root) {
  double smallest = 0;
  const auto consider = [&](double quota) {
    if (quota > 0) smallest = smallest > 0 ? std::min(smallest, quota) : quota;
  };
  std::istringstream lines(proc_cgroup);
  for (std::string line; std::getline(lines, line);) {  // <id>:<controllers>:<path>
    const size_t first = line.find(':');
    const size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string controllers = line.substr(first, second + 1 - first);  // ":cpu,cpuacct:"
    std::replace(controllers.begin(), controllers.end(), ':', ',');
    std::string group = line.substr(second + 1);
    if (group == "/") group.clear();
    if (controllers == ",,") {
      consider(smallest_quota(root, group, quota_v2));
    } else if (controllers.find(",cpu,") != std::string::npos) {
      consider(smallest_quota(root + "/cpu", group, quota_v1));
    }
  }
  return smallest;
}

int parse_thread_count(const char* text) {
  char* end = nullptr;
  const long count = std::strtol(text, &end, 10);
  if (end == text || *end != '\0' || count < 1 || count > kMaxThreads) {
    throw Error(ErrorCode::Config, "LLFT_THREADS: the value must be an integer from 1 to " +
                                       std::to_string(kMaxThreads) + "; got \"" + text + "\".");
  }
  return static_cast<int>(count);
}

int default_thread_count() {
  const char* text = std::getenv("LLFT_THREADS");
  if (text && *text) return parse_thread_count(text);
  int count = affinity_count();
#ifdef __linux__
  const double quota = cgroup_cpu_quota(read_file("/proc/self/cgroup"), "/sys/fs/cgroup");
  if (quota > 0) count = std::min(count, std::max(1, static_cast<int>(std::ceil(quota))));
#endif
  return static_cast<int>(std::min<long>(count, kMaxThreads));
}

}  // namespace llft::cpu

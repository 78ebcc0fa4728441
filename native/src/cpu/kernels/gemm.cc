// Formula, layouts and guarantees: gemm.h. This file splits a product into blocks that fit the
// caches.
//
//   task   = block of rows of C x block of columns of C; any thread
//   step   = one block of k of one segment, ascending: pack op(B)'s block [units][kGemmColumns wide
//   panels] (L2 cache) panel  = kGemmRows rows: pack op(A)'s rows (L1 cache), then one micro-kernel
//   per panel of B
//
// FLOPs: 2 M N K. Bytes: A once per block of columns, B once per block of rows, C once.
// Error of an element, with u = 2^-24 and S = sum |a b|: each product and its sum round once, and
// the sums of the blocks once more, so |error| <= (K + steps + 3) * u * S to first order (any order
// of summation obeys it, and sums in double do better), plus half a unit in the last place of the
// output type. vdpbf16ps rounds
// each of its two sums and flushes subnormals: 2 u per pair, the same bound, plus K * 2^-126.
// Blocking as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS
// 34(3), 2008.
#include "cpu/kernels/gemm.h"

#include <unistd.h>

#include <cstdlib>
#include <new>

#include "cpu/kernels/gemm_few_rows.h"
#include "cpu/kernels/gemm_micro.h"
#include "cpu/kernels/gemm_pack.h"

namespace llft::cpu::LLFT_ISA {
namespace {

constexpr int64_t kMaxBlockRows = 1024;
constexpr int64_t kTasksPerThread = 4;
constexpr int64_t kGroupRows = 8 * kGemmRows;
constexpr int64_t kMinBlock = 64;  // below that, packing costs more than a second thread gains

static inline int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t min_of(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t max_of(int64_t a, int64_t b) { return a > b ? a : b; }

// Memory of one thread, kept from call to call.
class Workspace {
 public:
  ~Workspace() { std::free(data_); }
  char* reserve(size_t bytes) {
    if (bytes > size_) {
      std::free(data_);
      size_ = 0;
      const size_t rounded = (bytes + 4095) / 4096 * 4096;
      data_ = static_cast<char*>(std::aligned_alloc(64, rounded));
      if (!data_) throw std::bad_alloc();
      size_ = rounded;
    }
    return data_;
  }

 private:
  char* data_ = nullptr;
  size_t size_ = 0;
};

struct Range {
  int64_t begin;
  int64_t size;
};

// Part `index` of [0, size) cut into `parts` of nearly equal numbers of `unit`s.
static inline Range part_of(int64_t size, int64_t unit, int64_t parts, int64_t index) {
  const int64_t units = ceil_div(size, unit);
  const int64_t begin = units * index / parts * unit;
  const int64_t end = min_of(units * (index + 1) / parts * unit, size);
  return {begin, end - begin};
}

// How C is cut into tasks. It may depend on the number of threads: no element's bits depend on it.
// Of the cuts whose panels of B fit the cache, it is the one with the least estimated time.
struct Grid {
  int64_t row_blocks = 1;
  int64_t column_blocks = 1;

  Grid(const GemmArgs& args, int64_t units, int threads) {
    const int64_t panels = ceil_div(args.n, kGemmColumns);
    const int64_t panel_bytes = min_of(max_of(units, 1), kGemmBlockUnits) * kGemmColumns * 4;
    const int64_t widest = max_of(block_bytes() / panel_bytes, 1);
    const int64_t more = kTasksPerThread * threads;
    const int64_t fewest_rows = ceil_div(args.m, kMaxBlockRows);
    const int64_t fewest_columns = ceil_div(panels, widest);
    double least = -1;
    for (int64_t columns = fewest_columns; columns <= fewest_columns + more; ++columns) {
      if (columns > fewest_columns && args.n / columns < kMinBlock) break;
      for (int64_t rows = fewest_rows; rows <= fewest_rows + more; ++rows) {
        if (rows > fewest_rows && args.m / rows < kMinBlock) break;
        const double time = time_of(args, rows, columns, threads);
        if (least >= 0 && time >= least) continue;
        least = time;
        row_blocks = rows;
        column_blocks = columns;
      }
    }
  }

 private:
  // In multiply-adds for each k. A is packed once for each block of columns, and B for each block
  // of rows; an element costs as much as so many multiply-adds (measured).
  static double time_of(const GemmArgs& args, int64_t rows, int64_t columns, int threads) {
    constexpr double kPackA = 48, kPackB = 16;
    const auto m = static_cast<double>(args.m), n = static_cast<double>(args.n);
    const auto tasks = static_cast<double>(rows * columns);
    const auto turns = static_cast<double>(ceil_div(rows * columns, threads)) * threads / tasks;
    const double packed =
        kPackA * m * static_cast<double>(columns) + kPackB * n * static_cast<double>(rows);
    return turns * (m * n + packed);
  }

  // What a block of B may take of the second cache.
  static int64_t block_bytes() {
    static const int64_t bytes = [] {
      int64_t cache = 0;
#ifdef _SC_LEVEL2_CACHE_SIZE
      cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
      return (cache > 0 ? cache : int64_t{512} << 10) * 7 / 8;
    }();
    return bytes;
  }
};

// One block of k of one segment.
struct Step {
  const GemmSegment* segment;
  int64_t k;
  int64_t depth;
};

// The blocks of k in order, of nearly equal length; their cut depends on K alone.
class Steps {
 public:
  Steps(const GemmArgs& args, int64_t unit) : args_(args), unit_(unit) {
    for (int s = 0; s < args.segment_count; ++s) count_ += blocks_of(args.segments[s]);
  }
  int64_t count() const { return count_; }
  // Units of the longest step.
  int64_t longest() const {
    int64_t units = 0;
    for (int s = 0; s < args_.segment_count; ++s) {
      const GemmSegment& segment = args_.segments[s];
      const int64_t blocks = blocks_of(segment);
      if (blocks > 0) units = max_of(units, ceil_div(ceil_div(segment.k, unit_), blocks));
    }
    return units;
  }
  Step operator[](int64_t index) const {
    for (int s = 0; s < args_.segment_count; ++s) {
      const GemmSegment& segment = args_.segments[s];
      const int64_t blocks = blocks_of(segment);
      if (index < blocks) {
        const Range range = part_of(segment.k, unit_, blocks, index);
        return {&segment, range.begin, range.size};
      }
      index -= blocks;
    }
    return {&args_.segments[0], 0, 0};  // all K are 0: one empty step stores bias
  }

 private:
  int64_t blocks_of(const GemmSegment& segment) const {
    return ceil_div(ceil_div(segment.k, unit_), kGemmBlockUnits);
  }
  const GemmArgs& args_;
  int64_t unit_;
  int64_t count_ = 0;
};

struct Task {
  const GemmArgs& args;
  GemmPacking packing;
  GemmArithmetic arithmetic;
  Range rows;
  Range columns;
  int64_t width;  // columns, padded to whole vectors
  uint32_t* a;    // [kGroupRows][kGemmPanelStride]
  uint32_t* b;    // panels of B of the step
  float* bias;    // [width]
  float* sums;    // [rows][width], tile after tile
  void* scratch;  // of a quantised B
};

static void load_bias(const Task& task) {
  const bool is_f32 = task.args.in_dtype == DType::F32;
  const GemmBlock block{task.args.bias, 0, false, task.columns.begin, task.columns.size, 0, 1};
  gemm_pack_b(is_f32 ? GemmPacking::kFloat : GemmPacking::kWidened, block,
              reinterpret_cast<uint32_t*>(task.bias));
}

static inline int64_t units_of(const Task& task, int64_t depth) {
  return task.packing == GemmPacking::kPairs ? (depth + 1) / 2 : depth;
}

static void multiply_panel(const Task& task, const Range& rows, GemmTile tile) {
  const GemmArgs& args = task.args;
  const int64_t element = static_cast<int64_t>(size_of(args.out_dtype));
  const int64_t row = task.rows.begin + rows.begin;
  for (int64_t column = 0; column < task.width; column += kGemmColumns) {
    const int64_t width = min_of(kGemmColumns, task.width - column);
    tile.b = task.b + column * tile.units;
    tile.sum = task.sums + rows.begin * task.width + rows.size * column;
    tile.bias = args.bias ? task.bias + column : nullptr;
    tile.c = static_cast<char*>(args.c) + (row * args.ldc + task.columns.begin + column) * element;
    tile.columns = min_of(width, task.columns.size - column);
    gemm_micro_kernel(task.arithmetic, rows.size, width / kGemmLanes)(tile);
  }
}

// The rows of a task in groups that are packed at once: a panel, or several where A is stored
// [k][row], so that its rows are read in longer runs.
static void multiply_step(const Task& task, const Step& step, GemmTile tile) {
  const GemmSegment& segment = *step.segment;
  const int64_t group = segment.transpose_a ? kGroupRows : kGemmRows;
  const int64_t groups = ceil_div(task.rows.size, group);
  for (int64_t g = 0; g < groups; ++g) {
    const Range rows = part_of(task.rows.size, 1, groups, g);
    if (step.depth > 0) {
      const int64_t line = task.rows.begin + rows.begin;
      gemm_pack_a(
          task.packing,
          {segment.a, segment.lda, !segment.transpose_a, line, rows.size, step.k, step.depth},
          kGemmPanelStride, task.a);
    }
    const int64_t panels = ceil_div(rows.size, kGemmRows);
    for (int64_t p = 0; p < panels; ++p) {
      const Range panel = part_of(rows.size, 1, panels, p);
      tile.a = task.a + panel.begin * kGemmPanelStride;
      multiply_panel(task, {rows.begin + panel.begin, panel.size}, tile);
    }
  }
}

static void run_task(const Task& task, const Steps& steps) {
  const GemmArgs& args = task.args;
  if (args.bias) load_bias(task);
  const int64_t count = max_of(steps.count(), 1);
  for (int64_t s = 0; s < count; ++s) {
    const Step step = steps[s];
    const GemmSegment& segment = *step.segment;
    if (step.depth > 0) {
      gemm_pack_b(
          task.packing,
          {segment.b, segment.ldb, segment.transpose_b, task.columns.begin, task.columns.size,
           step.k, step.depth, segment.is_quantized() ? &segment.quantized : nullptr, task.scratch},
          task.b);
    }
    GemmTile tile{};
    tile.units = units_of(task, step.depth);
    tile.alpha = segment.alpha;
    tile.first = s == 0;
    tile.last = s == count - 1;
    tile.ldc = args.ldc;
    tile.out_dtype = args.out_dtype;
    tile.accumulate = args.accumulate;
    multiply_step(task, step, tile);
  }
}

static inline GemmArithmetic arithmetic_of(const GemmArgs& args, GemmPacking packing) {
  if (packing == GemmPacking::kPairs) return GemmArithmetic::kPairs;
  if (packing == GemmPacking::kWidened) return GemmArithmetic::kFloat;
  int64_t k = 0;
  for (int s = 0; s < args.segment_count; ++s) k += args.segments[s].k;
  return args.n * k <= kGemmDoubleElements ? GemmArithmetic::kDouble : GemmArithmetic::kFloat;
}

static inline bool has_quantized(const GemmArgs& args) {
  for (int s = 0; s < args.segment_count; ++s) {
    if (args.segments[s].is_quantized()) return true;
  }
  return false;
}

static thread_local Workspace workspace;

static void run_block(const GemmArgs& args, GemmPacking packing, const Steps& steps, Range rows,
                      Range columns) {
  Task task{args, packing, arithmetic_of(args, packing),
            rows, columns, ceil_div(columns.size, kGemmLanes) * kGemmLanes,
            {},   {},      {},
            {},   {}};
  const int64_t a = kGroupRows * kGemmPanelStride;
  const int64_t b = task.width * kGemmBlockUnits;
  const int64_t sums = steps.count() > 1 ? rows.size * task.width : 0;
  const int64_t scratch = has_quantized(args) ? gemm_scratch_bytes() / 4 : 0;
  task.a = reinterpret_cast<uint32_t*>(workspace.reserve(
      static_cast<size_t>(a + b + task.width + sums + scratch) * sizeof(uint32_t)));
  task.b = task.a + a;
  task.bias = reinterpret_cast<float*>(task.b + b);
  task.sums = task.bias + task.width;
  task.scratch = task.sums + sums;
  run_task(task, steps);
}

static inline GemmPacking packing_of(const GemmArgs& args) {
  if (args.in_dtype == DType::F32) return GemmPacking::kFloat;
  return kGemmHasPairs ? GemmPacking::kPairs : GemmPacking::kWidened;
}

}  // namespace

void gemm(const GemmArgs& args, ThreadPool& pool) {
  if (args.m <= 0 || args.n <= 0) return;
  if (gemm_is_few_rows(args)) return gemm_few_rows(args, pool);
  const GemmPacking packing = packing_of(args);
  const Steps steps(args, packing == GemmPacking::kPairs ? 2 : 1);
  const Grid grid(args, steps.longest(), pool.threads());
  pool.run(grid.row_blocks * grid.column_blocks, [&](int64_t task) {
    const Range rows = part_of(args.m, 1, grid.row_blocks, task % grid.row_blocks);
    const Range columns = part_of(args.n, kGemmColumns, grid.column_blocks, task / grid.row_blocks);
    run_block(args, packing, steps, rows, columns);
  });
}

}  // namespace llft::cpu::LLFT_ISA

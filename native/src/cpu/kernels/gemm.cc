// Formula, layouts and guarantees: gemm.h. This file splits a product into blocks that fit the
// caches.
//
//   task   = block of rows of C x block of columns of C; any thread
//   step   = one block of k of one term, ascending: pack op(B)'s block into panels
//            [units][kGemmColumns] (L2 cache)
//   panel  = kGemmRows rows: pack op(A)'s rows (L1 cache), then one micro-kernel per panel of B
//   Fixed-point terms (gemm_fixed.h) pack their own way.
//
// FLOPs: 2 M N K. Bytes: A once per block of columns, B once per block of rows, C once.
// Error of an element, with u = 2^-24 and S = sum |a b|: each product and its sum round once, and
// the sums of the blocks once more, so |error| <= (K + steps + 3) * u * S to first order (any order
// of summation obeys it), plus half a unit in the last place of the output type. vdpbf16ps rounds
// each of its two sums and flushes subnormals: 2 u per pair, the same bound, plus K * 2^-126.
// Blocking as in Goto & van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS
// 34(3), 2008.
#include "cpu/kernels/gemm.h"

#include <unistd.h>

#include <optional>

#include "cpu/kernels/gemm_few_rows.h"
#include "cpu/kernels/gemm_fixed.h"
#include "cpu/kernels/gemm_micro.h"
#include "cpu/kernels/gemm_pack.h"
#include "cpu/kernels/gemm_steps.h"
#include "cpu/kernels/scratch.h"

namespace llft::cpu::LLFT_ISA {
namespace {

constexpr int64_t kMaxBlockRows = 1024;
constexpr int64_t kTasksPerThread = 4;
constexpr int64_t kGroupRows = 8 * kGemmRows;
constexpr int64_t kMinBlock = 64;  // below that, packing costs more than a second thread gains

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

// By term; nothing where a term is not fixed_point.
using FixedTerms = std::optional<FixedRows>[2];

struct Task {
  const GemmArgs& args;
  const FixedTerms& fixed;
  Range rows;
  Range columns;
  int64_t width;    // columns, padded to whole vectors
  uint32_t* a;      // [kGroupRows][kGemmPanelStride]
  uint32_t* b;      // panels of B of the step
  float* b_scales;  // of a fixed-point B: of those panels
  float* bias;      // [width]
  float* sums;      // [rows][width], tile after tile
  void* scratch;    // of a quantised B

  const FixedRows& fixed_rows(const Step& step) const { return *fixed[step.term - args.terms]; }
};

static void load_bias(const Task& task) {
  const bool is_f32 = task.args.in_dtype == DType::F32;
  const GemmBlock block{task.args.bias, 0, false, task.columns.begin, task.columns.size, 0, 1};
  gemm_pack_b(is_f32 ? GemmPacking::kFloat : GemmPacking::kWidened, block,
              reinterpret_cast<uint32_t*>(task.bias));
}

static void pack_b(const Task& task, const Step& step) {
  const GemmTerm& term = *step.term;
  const GemmBlock block{term.b,
                        term.ldb,
                        term.transpose_b,
                        task.columns.begin,
                        task.columns.size,
                        step.k,
                        step.depth,
                        term.is_quantized() ? &term.quantized : nullptr,
                        task.scratch};
  if (step.packing == GemmPacking::kFixed) return gemm_pack_fixed_b(block, task.b, task.b_scales);
  gemm_pack_b(step.packing, block, task.b);
}

// Rows of A of the step as panels of units.
static const uint32_t* panels_of_a(const Task& task, const Step& step, const Range& rows) {
  const GemmTerm& term = *step.term;
  const int64_t row = task.rows.begin + rows.begin;
  if (step.packing == GemmPacking::kFixed) return task.fixed_rows(step).panel(step.index, row);
  gemm_pack_a(step.packing,
              {term.a, term.lda, !term.transpose_a, row, rows.size, step.k, step.depth},
              kGemmPanelStride, task.a);
  return task.a;
}

static void multiply_panel(const Task& task, const Step& step, const Range& rows, GemmTile tile) {
  const GemmArgs& args = task.args;
  const int64_t element = static_cast<int64_t>(size_of(args.out_dtype));
  const int64_t row = task.rows.begin + rows.begin;
  const bool is_fixed = step.packing == GemmPacking::kFixed;
  if (is_fixed) {
    const FixedRows& fixed = task.fixed_rows(step);
    tile.a_scales = fixed.units(row) + step.k / kFixedBlock;
    tile.a_scale_stride = fixed.units_stride();
  }
  for (int64_t column = 0; column < task.width; column += kGemmColumns) {
    const int64_t width = min_of(kGemmColumns, task.width - column);
    tile.b = task.b + column * tile.units;
    if (is_fixed) tile.b_scales = task.b_scales + column * (2 * tile.units / kFixedBlock);
    tile.sum = task.sums + rows.begin * task.width + rows.size * column;
    tile.bias = args.bias ? task.bias + column : nullptr;
    tile.c = static_cast<char*>(args.c) + (row * args.ldc + task.columns.begin + column) * element;
    tile.columns = min_of(width, task.columns.size - column);
    gemm_micro_kernel(step.packing, rows.size, width / kLanes)(tile);
  }
}

// The rows of a task in groups that are packed at once: a panel, or several where A is stored
// [k][row], so that its rows are read in longer runs.
static void multiply_step(const Task& task, const Step& step, GemmTile tile) {
  const int64_t group = step.term->transpose_a ? kGroupRows : kGemmRows;
  const int64_t groups = ceil_div(task.rows.size, group);
  for (int64_t g = 0; g < groups; ++g) {
    const Range rows = part_of(task.rows.size, 1, groups, g);
    const uint32_t* a = step.depth > 0 ? panels_of_a(task, step, rows) : task.a;
    const int64_t panels = ceil_div(rows.size, kGemmRows);
    for (int64_t p = 0; p < panels; ++p) {
      const Range panel = part_of(rows.size, 1, panels, p);
      tile.a = a + panel.begin * kGemmPanelStride;
      multiply_panel(task, step, {rows.begin + panel.begin, panel.size}, tile);
    }
  }
}

static void run_task(const Task& task, const Steps& steps) {
  const GemmArgs& args = task.args;
  if (args.bias) load_bias(task);
  const int64_t count = max_of(steps.count(), 1);
  for (int64_t s = 0; s < count; ++s) {
    const Step step = steps[s];
    if (step.depth > 0) pack_b(task, step);
    GemmTile tile{};
    tile.units = step.units();
    tile.alpha = step.term->alpha;
    tile.first = s == 0;
    tile.last = s == count - 1;
    tile.ldc = args.ldc;
    tile.out_dtype = args.out_dtype;
    tile.accumulate = args.accumulate;
    multiply_step(task, step, tile);
  }
}

static inline bool has_quantized(const GemmArgs& args) {
  for (int s = 0; s < args.term_count; ++s) {
    if (args.terms[s].is_quantized()) return true;
  }
  return false;
}

static inline bool has_fixed(const GemmArgs& args) {
  for (int s = 0; s < args.term_count; ++s) {
    if (gemm_is_fixed(args.terms[s])) return true;
  }
  return false;
}

static void run_block(const GemmArgs& args, const FixedTerms& fixed, const Steps& steps, Range rows,
                      Range columns) {
  static thread_local Scratch memory;
  Task task{args, fixed, rows, columns, ceil_div(columns.size, kLanes) * kLanes, {}, {},
            {},   {},    {},   {}};
  const int64_t a = kGroupRows * kGemmPanelStride;
  const int64_t b = task.width * kGemmBlockUnits;
  const int64_t b_scales = has_fixed(args) ? task.width * (2 * kGemmBlockUnits / kFixedBlock) : 0;
  const int64_t sums = steps.count() > 1 ? rows.size * task.width : 0;
  const int64_t scratch = has_quantized(args) ? gemm_scratch_bytes() / 4 : 0;
  task.a = reinterpret_cast<uint32_t*>(memory.reserve(
      static_cast<size_t>(a + b + b_scales + task.width + sums + scratch) * sizeof(uint32_t)));
  task.b = task.a + a;
  task.b_scales = reinterpret_cast<float*>(task.b + b);
  task.bias = task.b_scales + b_scales;
  task.sums = task.bias + task.width;
  task.scratch = task.sums + sums;
  run_task(task, steps);
}

static void multiply(const GemmArgs& args, ThreadPool& pool) {
  // Of the thread that calls; a second fixed-point term would need a second one.
  static thread_local Scratch rows_of_a[2];
  FixedTerms fixed;
  for (int s = 0; s < args.term_count; ++s) {
    const GemmTerm& term = args.terms[s];
    if (gemm_is_fixed(term)) fixed[s].emplace(args, term, rows_of_a[s], pool);
  }
  const Steps steps(args);
  const Grid grid(args, steps.longest(), pool.threads());
  pool.run(grid.row_blocks * grid.column_blocks, [&](int64_t task) {
    const Range rows = part_of(args.m, 1, grid.row_blocks, task % grid.row_blocks);
    const Range columns = part_of(args.n, kGemmColumns, grid.column_blocks, task / grid.row_blocks);
    run_block(args, fixed, steps, rows, columns);
  });
}

// Rows [begin, begin + size) of C.
static GemmArgs rows_of(GemmArgs args, Range rows) {
  const auto element = static_cast<int64_t>(size_of(args.in_dtype));
  for (int s = 0; s < args.term_count; ++s) {
    GemmTerm& term = args.terms[s];
    const int64_t step = term.transpose_a ? 1 : term.lda;
    term.a = static_cast<const char*>(term.a) + rows.begin * step * element;
  }
  args.c = static_cast<char*>(args.c) +
           rows.begin * args.ldc * static_cast<int64_t>(size_of(args.out_dtype));
  args.m = rows.size;
  return args;
}

}  // namespace

void gemm(const GemmArgs& args, ThreadPool& pool) {
  if (args.m <= 0 || args.n <= 0) return;
  if (gemm_is_few_rows(args)) return gemm_few_rows(args, pool);
  if (!has_fixed(args)) return multiply(args, pool);
  // Bounds the memory of fixed-point rows.
  const int64_t parts = ceil_div(args.m, kMaxBlockRows);
  for (int64_t p = 0; p < parts; ++p) {
    multiply(rows_of(args, part_of(args.m, 1, parts, p)), pool);
  }
}

}  // namespace llft::cpu::LLFT_ISA

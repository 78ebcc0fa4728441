#include "core/kernels/move_rows.h"

#include "cpu/kernel_error.h"
#include "cpu/simd/vec.h"
#include "cpu/thread_pool.h"

namespace llft::cpu::LLFT_ISA {
namespace {

using namespace simd;

constexpr int64_t kBytesPerTask = 1 << 17;
constexpr int64_t kMaxTasks = 64;

static int64_t rows_per_task(int64_t rows, int64_t width) {
  const int64_t by_size = kBytesPerTask / (width > 0 ? width : 1);
  const int64_t by_count = (rows + kMaxTasks - 1) / kMaxTasks;
  const int64_t least = by_size > by_count ? by_size : by_count;
  return least > 1 ? least : 1;
}

static inline void copy_bytes(char* dst, const char* src, int64_t bytes) {
  memcpy(dst, src, static_cast<size_t>(bytes));
}

static void check_rows(const char* op, const int32_t* rows, int64_t count, int64_t row_count) {
  for (int64_t t = 0; t < count; ++t) {
    if (rows[t] < 0 || rows[t] >= row_count) fail_index(op, "each row", rows[t], row_count);
  }
}

// The positions t with rows[t] = r are order[start[r]] to order[start[r + 1] - 1], ascending.
struct ByRow {
  std::vector<int64_t> start;
  std::vector<int64_t> order;
};

static ByRow group_by_row(const int32_t* rows, int64_t count, int64_t row_count) {
  ByRow by_row{std::vector<int64_t>(row_count + 1), std::vector<int64_t>(count)};
  for (int64_t t = 0; t < count; ++t) ++by_row.start[rows[t] + 1];
  for (int64_t r = 0; r < row_count; ++r) by_row.start[r + 1] += by_row.start[r];
  std::vector<int64_t> next(by_row.start.begin(), by_row.start.end() - 1);
  for (int64_t t = 0; t < count; ++t) by_row.order[next[rows[t]]++] = t;
  return by_row;
}

template <class T>
static void sum_row(const T* src, T* dst, int64_t columns, const int64_t* positions,
                    int64_t count) {
  for_vectors(columns, [&](int64_t c, auto lanes) {
    F32 sum = {};
    for (int64_t i = 0; i < count; ++i) sum = sum + load(src + positions[i] * columns + c, lanes);
    store(dst + c, sum, lanes);
  });
}

template <class T>
static void scatter_add(const ScatterAddRowsArgs& args, const ByRow& by_row, ThreadPool& pool) {
  const int64_t grain =
      rows_per_task(args.row_count, args.columns * static_cast<int64_t>(sizeof(T)));
  parallel_for(pool, args.row_count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      sum_row(static_cast<const T*>(args.src), static_cast<T*>(args.dst) + r * args.columns,
              args.columns, by_row.order.data() + by_row.start[r],
              by_row.start[r + 1] - by_row.start[r]);
    }
  });
}

}  // namespace

void copy_columns(const CopyColumnsArgs& args, ThreadPool& pool) {
  int64_t width = 0;
  for (const CopyColumnsArgs::Part& part : args.parts) width += part.width;
  parallel_for(pool, args.rows, rows_per_task(args.rows, width), [&](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) {
      for (const CopyColumnsArgs::Part& part : args.parts) {
        copy_bytes(part.dst + r * part.dst_stride, part.src + r * part.src_stride, part.width);
      }
    }
  });
}

void gather_rows(const MoveRowsArgs& args, ThreadPool& pool) {
  check_rows(args.op, args.rows, args.index_count, args.row_count);
  if (args.width == 0) return;
  parallel_for(pool, args.index_count, rows_per_task(args.index_count, args.width),
               [&](int64_t begin, int64_t end) {
                 for (int64_t t = begin; t < end; ++t) {
                   copy_bytes(args.dst + t * args.width, args.src + args.rows[t] * args.width,
                              args.width);
                 }
               });
}

// Each task owns a range of the destination's rows and looks through all indices, so that the last
// t wins.
void scatter_rows(const MoveRowsArgs& args, ThreadPool& pool) {
  check_rows(args.op, args.rows, args.index_count, args.row_count);
  if (args.width == 0) return;
  const bool small = args.index_count * args.width <= kBytesPerTask;
  const int64_t grain = small ? args.row_count : rows_per_task(args.row_count, args.width);
  parallel_for(pool, args.row_count, grain, [&](int64_t begin, int64_t end) {
    for (int64_t t = 0; t < args.index_count; ++t) {
      if (args.rows[t] < begin || args.rows[t] >= end) continue;
      copy_bytes(args.dst + args.rows[t] * args.width, args.src + t * args.width, args.width);
    }
  });
}

void scatter_add_rows(const ScatterAddRowsArgs& args, ThreadPool& pool) {
  check_rows("scatterAddRows", args.rows, args.index_count, args.row_count);
  const ByRow by_row = group_by_row(args.rows, args.index_count, args.row_count);
  if (args.dtype == DType::BF16) {
    scatter_add<bf16>(args, by_row, pool);
  } else {
    scatter_add<float>(args, by_row, pool);
  }
}

}  // namespace llft::cpu::LLFT_ISA

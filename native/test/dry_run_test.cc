// A dry run allocates and checks as a real run does, and does nothing else.
#include "core/dry_run.h"

#include "core/host_data.h"
#include "core/ops.h"
#include "op_check.h"

namespace llft::test {
namespace {

// Ends the dry run however the test ends.
struct Rehearsal {
  Rehearsal() { DryRun::begin(); }
  ~Rehearsal() {
    if (DryRun::current()) DryRun::end();
  }
};

Tensor work(const Tensor& x) {
  const Tensor w = Tensor::empty(device(), DType::F32, {300, 200});
  ops::fill(w, 0.5);
  const Tensor y = ops::linear(x, w, Tensor(), Tensor(), Tensor(), 1, DType::F32);
  return ops::reduce_sum(ops::mul(y, y));
}

TEST_CASE("dry run: peak and use are those of the real run, and no kernel runs") {
  synchronize();
  Allocator& real = device().allocator();
  const size_t before = real.stats().bytes_in_use;
  real.trim();
  real.reset_peak();
  const std::vector<float> zeros(1000 * 200);
  {
    const Tensor loss = work(
        from_bytes(device(), zeros.data(), zeros.size() * sizeof(float), DType::F32, {1000, 200}));
  }
  const size_t peak = real.stats().peak_bytes - before;
  synchronize();

  const Rehearsal rehearsal;
  const uint64_t enqueued = device().stream().enqueued();
  Allocator& planned = DryRun::current()->allocator(device());
  {
    const Tensor loss = work(
        from_bytes(device(), zeros.data(), zeros.size() * sizeof(float), DType::F32, {1000, 200}));
    CHECK(loss.shape() == Shape{1});
    CHECK(loss.storage()->dry_run() == DryRun::current().get());
    CHECK(planned.stats().bytes_in_use == 64);
  }
  CHECK(planned.stats().bytes_in_use == 0);
  CHECK(planned.stats().peak_bytes == peak);
  CHECK(device().stream().enqueued() == enqueued);
  CHECK(real.stats().bytes_in_use == before);
}

TEST_CASE("dry run: contracts are checked") {
  const Rehearsal rehearsal;
  const Tensor a = Tensor::empty(device(), DType::F32, {2}),
               b = Tensor::empty(device(), DType::F32, {3});
  check_throws(ErrorCode::Shape, "add: a and b must have the same shape", [&] { ops::add(a, b); });
}

TEST_CASE("dry run: tensors that outlive it are freed without harm, and real ones stay real") {
  const Tensor real = tensor_of(DType::F32, {2}, {1, 2});
  Tensor planned;
  {
    const Rehearsal rehearsal;
    planned = ops::scale(real, 3);
    ops::fill(real, 7);
  }
  CHECK(values_of(real) == std::vector<double>{1, 2});
  const size_t in_use = device().allocator().stats().bytes_in_use;
  planned = Tensor();
  CHECK(device().allocator().stats().bytes_in_use == in_use);
}

TEST_CASE("dry run: one at a time, and mappings are planned in one only") {
  check_throws(ErrorCode::Device, "endDryRun: a dry run must be in progress", &DryRun::end);
  check_throws(ErrorCode::Device, "planMapping: a dry run must be in progress",
               [] { plan_mapping(DType::F32, {2}, false); });
  const Rehearsal rehearsal;
  check_throws(ErrorCode::Device, "beginDryRun: no dry run must be in progress", &DryRun::begin);
  const Tensor mapped = plan_mapping(DType::BF16, {1000, 1000}, false);
  CHECK(mapped.read_only());
  CHECK(DryRun::current()->allocator(host_device()).stats().bytes_in_use == 0);
  check_throws(ErrorCode::Device, "must be writable", [&] { ops::fill(mapped, 1); });
}

}  // namespace
}  // namespace llft::test

#include <cmath>

#include "core/check.h"
#include "core/device.h"
#include "core/ops.h"

namespace llft::ops {

Tensor sample(const Tensor& logits, double temperature, int64_t top_k, double top_p, double min_p,
              const std::vector<int64_t>& seeds, int64_t step) {
  constexpr const char* op = "sample";
  require_act(op, "logits", logits);
  require_rank(op, "logits", logits, 2);
  const int64_t rows = logits.dim(0), columns = logits.dim(1);
  require(columns > 0, ErrorCode::Shape, op, "logits must have at least one column",
          [&] { return describe(logits); });
  require(static_cast<int64_t>(seeds.size()) == rows, ErrorCode::Shape, op,
          "there must be one seed per row of logits",
          [&] { return std::to_string(seeds.size()) + " seeds for " + describe(logits); });
  const auto check = [](bool holds, const char* must, double value) {
    require(holds, ErrorCode::Config, op, must, [&] { return std::to_string(value); });
  };
  const auto warmth = static_cast<float>(temperature);
  check(temperature >= 0 && std::isfinite(temperature),
        "temperature must be finite and not negative", temperature);
  check(temperature == 0 || warmth > 0, "temperature must be 0 or large enough for a float32",
        temperature);
  check(top_k >= 0, "topK must not be negative", static_cast<double>(top_k));
  check(top_p > 0 && top_p <= 1, "topP must be in (0, 1]", top_p);
  check(min_p >= 0 && min_p <= 1, "minP must be in [0, 1]", min_p);
  Device& device = require_one_device(op, {&logits});

  const Tensor ids = Tensor::empty(device, DType::I32, {rows});
  const Tensor weights =
      temperature > 0 ? Tensor::empty(device, DType::F32, {rows, columns}) : Tensor();
  device.launch(
      op, &Device::sample,
      SampleArgs{logits.data(), ids.data_as<int32_t>(), weights.data_as<float>(), rows, columns,
                 logits.dtype(), warmth, top_k, top_p, static_cast<float>(min_p), seeds, step},
      Uses().reads({&logits}).writes({&ids}));
  return ids;
}

}  // namespace llft::ops

// What the ops of optimisers are told besides tensors: the numbers of one step, in the terms of the
// libraries whose steps they are.
#pragma once

#include <cstdint>

namespace llft {

struct AdamwRates {  // torch.optim.AdamW
  double lr, beta1, beta2, eps, weight_decay;
  int64_t step;  // from 1
};

struct LionRates {
  double lr, beta1, beta2, weight_decay;
};

struct
    AdafactorRates {  // transformers.Adafactor, with the decay and the learning rate of this step
  double lr, beta1, beta2, eps1, eps2, clip_threshold;
  bool scale_parameter;
  double weight_decay;
};

struct SgdRates {  // torch.optim.SGD, no Nesterov
  double lr, momentum, weight_decay;
  int64_t step;  // from 1
};

}  // namespace llft

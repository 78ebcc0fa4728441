// The numbers of an optimiser's step as the properties of a JavaScript object.
#pragma once

#include "binding/convert.h"
#include "core/optimizer_rates.h"

namespace llft::binding {

template <>
struct Properties<AdamwRates> {
  static constexpr auto all = std::tuple(
      Property{"lr", &AdamwRates::lr}, Property{"beta1", &AdamwRates::beta1},
      Property{"beta2", &AdamwRates::beta2}, Property{"eps", &AdamwRates::eps},
      Property{"weightDecay", &AdamwRates::weight_decay}, Property{"step", &AdamwRates::step});
};

template <>
struct Properties<LionRates> {
  static constexpr auto all = std::tuple(
      Property{"lr", &LionRates::lr}, Property{"beta1", &LionRates::beta1},
      Property{"beta2", &LionRates::beta2}, Property{"weightDecay", &LionRates::weight_decay});
};

template <>
struct Properties<AdafactorRates> {
  static constexpr auto all =
      std::tuple(Property{"lr", &AdafactorRates::lr}, Property{"beta1", &AdafactorRates::beta1},
                 Property{"beta2", &AdafactorRates::beta2}, Property{"eps1", &AdafactorRates::eps1},
                 Property{"eps2", &AdafactorRates::eps2},
                 Property{"clipThreshold", &AdafactorRates::clip_threshold},
                 Property{"scaleParameter", &AdafactorRates::scale_parameter},
                 Property{"weightDecay", &AdafactorRates::weight_decay});
};

template <>
struct Properties<SgdRates> {
  static constexpr auto all = std::tuple(
      Property{"lr", &SgdRates::lr}, Property{"momentum", &SgdRates::momentum},
      Property{"weightDecay", &SgdRates::weight_decay}, Property{"step", &SgdRates::step});
};

}  // namespace llft::binding

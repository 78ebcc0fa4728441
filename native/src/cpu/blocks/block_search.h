// Finds scales and codes for a run of floats. Compiled once and without fused multiply-adds: the
// codes are those of ggml's reference only where every sum is rounded as there.
//
// x and weights: float32 [n]; codes: [n], overwritten. Sums run from the first element on.
// Source: ggml's `ggml-quants.c`, whose names the functions bear in brackets.
#pragma once

#include <cstdint>

namespace llft::cpu {

// The nearest whole number, even at ties, of a magnitude below 2^22.
int nearest_integer(float value);

// The scale s and codes q in [0, 2 levels) of s (q - levels), by the largest magnitude, 18
// scales around it, and the weighted squares of errors. Without weights they are x^2.
// [make_qx_quants]
float fit_symmetric(const float* x, const float* weights, int n, int levels, uint8_t* codes);

// The same with weights x^2; each code is then moved while that lowers the error, up to five
// times. [make_q3_quants]
float fit_symmetric_in_turn(const float* x, int n, int levels, uint8_t* codes);

// Scales to try around the range of a run: (first + i step + most) / range for i in [0, last].
struct ScaleSteps {
  float first;
  float step;
  int last;
};

// A scale and what is taken off: x ~ scale q - minimum, minimum not below 0.
struct AffineFit {
  float scale;
  float minimum;
};

// Codes in [0, most]. The error is that of weighted magnitudes, or of squares.
// [make_qkx2_quants, make_qkx3_quants]
AffineFit fit_affine(const float* x, const float* weights, int n, int most, const ScaleSteps& steps,
                     bool is_magnitude, uint8_t* codes);

// The scale s and codes q in [0, most] of s q, for numbers that are not below 0. [make_qp_quants]
float fit_positive(const float* x, const float* weights, int n, int most, uint8_t* codes);

// The place in kIq4Values of the value nearest to x.
int nearest_iq4(float x);

// The scale s of s T[q], T being kIq4Values: that of the largest magnitude, and 15 around it.
// [quantize_row_iq4_nl_impl]
float fit_iq4(const float* x, const float* weights, int n);

}  // namespace llft::cpu

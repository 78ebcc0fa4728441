// Checks of an op's contract. Each throws `<op>: <what must hold>; got <actual>.`
#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/tensor.h"

namespace llft {

std::string to_string(const Shape& shape);   // "[2, 3]"
std::string describe(const Tensor& tensor);  // "float32 [2, 3]", "nothing" for an absent one

// Elements of a shape; throws Shape where a dimension is negative or the count leaves 2^47.
int64_t checked_numel(const char* op, const Shape& shape);

[[noreturn]] void fail(ErrorCode code, const char* op, const std::string& must,
                       const std::string& got);

inline void require(bool holds, ErrorCode code, const char* op, const char* must,
                    const std::string& got) {
  if (!holds) fail(code, op, must, got);
}
// For checks whose text is costly: got() is called only where the check fails.
template <class Got>
  requires std::is_invocable_v<Got>
void require(bool holds, ErrorCode code, const char* op, const char* must, const Got& got) {
  if (!holds) fail(code, op, must, got());
}

void require_present(const char* op, const char* name, const Tensor& tensor);
void require_dtype(const char* op, const char* name, const Tensor& tensor, DType dtype);
void require_dtype(const char* op, const char* name, const Tensor& tensor,
                   std::initializer_list<DType> dtypes);
void require_act(const char* op, const char* name, const Tensor& tensor);  // float32 or bfloat16
void require_rank(const char* op, const char* name, const Tensor& tensor, int64_t rank);
void require_min_rank(const char* op, const char* name, const Tensor& tensor, int64_t rank);
// A dimension of -1 allows any.
void require_shape(const char* op, const char* name, const Tensor& tensor, const Shape& shape);
void require_same_shape(const char* op, const char* a_name, const Tensor& a, const char* b_name,
                        const Tensor& b);
void require_same_dtype(const char* op, const char* a_name, const Tensor& a, const char* b_name,
                        const Tensor& b);
// The device that all of them are on; absent ones count nothing, but one must be there.
Device& require_one_device(const char* op, std::initializer_list<const Tensor*> tensors);
Device& require_one_device(const char* op, const std::vector<Tensor>& tensors);
void require_writable(const char* op, const char* name, const Tensor& tensor);  // not a mapped file

}  // namespace llft

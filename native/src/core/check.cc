#include "core/check.h"

#include "core/device.h"

namespace llft {
namespace {

constexpr int64_t kMaxElements = int64_t{1} << 47;

std::string must_be(const char* name, const std::string& what) {
  return std::string(name) + " must " + what;
}

}  // namespace

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

std::string describe(const Tensor& tensor) {
  return tensor ? std::string(name_of(tensor.dtype())) + " " + to_string(tensor.shape())
                : "nothing";
}

void fail(ErrorCode code, const char* op, const std::string& must, const std::string& got) {
  throw Error(code, std::string(op) + ": " + must + "; got " + got + ".");
}

int64_t checked_numel(const char* op, const Shape& shape) {
  int64_t count = 1;
  bool too_large = false, zero = false;
  for (const int64_t dim : shape) {
    if (dim < 0) fail(ErrorCode::Shape, op, "dimensions must not be negative", to_string(shape));
    if (dim == 0) zero = true;
    if (dim > 0 && !too_large) {
      if (count > kMaxElements / dim)
        too_large = true;
      else
        count *= dim;
    }
  }
  if (zero) return 0;
  if (too_large)
    fail(ErrorCode::Shape, op, "a tensor must have at most 2^47 elements", to_string(shape));
  return count;
}

void require_present(const char* op, const char* name, const Tensor& tensor) {
  if (!tensor) fail(ErrorCode::Shape, op, must_be(name, "be a tensor"), "nothing");
}

void require_dtype(const char* op, const char* name, const Tensor& tensor, DType dtype) {
  require_dtype(op, name, tensor, {dtype});
}

void require_dtype(const char* op, const char* name, const Tensor& tensor,
                   std::initializer_list<DType> dtypes) {
  require_present(op, name, tensor);
  std::string names;
  for (const DType dtype : dtypes) {
    if (tensor.dtype() == dtype) return;
  }
  for (const DType dtype : dtypes)
    names += (names.empty() ? "" : " or ") + std::string(name_of(dtype));
  fail(ErrorCode::Dtype, op, must_be(name, "be " + names), describe(tensor));
}

void require_act(const char* op, const char* name, const Tensor& tensor) {
  require_dtype(op, name, tensor, {DType::F32, DType::BF16});
}

void require_rank(const char* op, const char* name, const Tensor& tensor, int64_t rank) {
  require_present(op, name, tensor);
  if (tensor.rank() == rank) return;
  fail(ErrorCode::Shape, op, must_be(name, "have " + std::to_string(rank) + " dimensions"),
       describe(tensor));
}

void require_min_rank(const char* op, const char* name, const Tensor& tensor, int64_t rank) {
  require_present(op, name, tensor);
  if (tensor.rank() >= rank) return;
  fail(ErrorCode::Shape, op, must_be(name, "have at least " + std::to_string(rank) + " dimensions"),
       describe(tensor));
}

void require_shape(const char* op, const char* name, const Tensor& tensor, const Shape& shape) {
  require_present(op, name, tensor);
  bool equal = tensor.shape().size() == shape.size();
  for (size_t i = 0; equal && i < shape.size(); ++i)
    equal = shape[i] < 0 || shape[i] == tensor.shape()[i];
  if (equal) return;
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += (i ? ", " : "") + (shape[i] < 0 ? std::string("any") : std::to_string(shape[i]));
  }
  fail(ErrorCode::Shape, op, must_be(name, "have shape " + text + "]"), describe(tensor));
}

void require_same_shape(const char* op, const char* a_name, const Tensor& a, const char* b_name,
                        const Tensor& b) {
  require_present(op, a_name, a);
  require_present(op, b_name, b);
  if (a.shape() == b.shape()) return;
  fail(ErrorCode::Shape, op, std::string(a_name) + " and " + b_name + " must have the same shape",
       to_string(a.shape()) + " and " + to_string(b.shape()));
}

void require_same_dtype(const char* op, const char* a_name, const Tensor& a, const char* b_name,
                        const Tensor& b) {
  require_present(op, a_name, a);
  require_present(op, b_name, b);
  if (a.dtype() == b.dtype()) return;
  fail(ErrorCode::Dtype, op, std::string(a_name) + " and " + b_name + " must have the same dtype",
       std::string(name_of(a.dtype())) + " and " + name_of(b.dtype()));
}

Device& require_one_device(const char* op, std::initializer_list<const Tensor*> tensors) {
  Device* device = nullptr;
  for (const Tensor* tensor : tensors) {
    if (!*tensor) continue;
    if (!device) device = &tensor->device();
    require(&tensor->device() == device, ErrorCode::Device, op, "all tensors must be on one device",
            [&] { return std::string(device->name()) + " and " + tensor->device().name(); });
  }
  return *device;
}

Device& require_one_device(const char* op, const std::vector<Tensor>& tensors) {
  for (const Tensor& tensor : tensors) require_one_device(op, {&tensors.front(), &tensor});
  return tensors.front().device();
}

void require_writable(const char* op, const char* name, const Tensor& tensor) {
  require_present(op, name, tensor);
  if (tensor.read_only())
    fail(ErrorCode::Device, op, must_be(name, "be writable"), "a tensor of a mapped file");
}

}  // namespace llft

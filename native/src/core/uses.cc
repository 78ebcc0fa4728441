#include "core/uses.h"

#include <utility>

#include "core/storage.h"
#include "core/tensor.h"

namespace llft {

void Uses::add(const Tensor& tensor, Kind kind) {
  if (tensor) uses_.push_back({tensor.storage()->fault(), kind});
}

Uses&& Uses::reads(std::initializer_list<const Tensor*> tensors) && {
  uses_.reserve(uses_.size() + tensors.size());
  for (const Tensor* tensor : tensors) add(*tensor, Kind::Read);
  return std::move(*this);
}

Uses&& Uses::reads(const std::vector<Tensor>& tensors) && {
  uses_.reserve(uses_.size() + tensors.size());
  for (const Tensor& tensor : tensors) add(tensor, Kind::Read);
  return std::move(*this);
}

Uses&& Uses::writes(std::initializer_list<const Tensor*> tensors) && {
  for (const Tensor* tensor : tensors) {
    if (!*tensor) continue;
    const bool is_whole = tensor->bytes() == tensor->storage()->size();
    add(*tensor, is_whole ? Kind::Overwrite : Kind::Change);
  }
  return std::move(*this);
}

Uses&& Uses::changes(std::initializer_list<const Tensor*> tensors) && {
  for (const Tensor* tensor : tensors) add(*tensor, Kind::Change);
  return std::move(*this);
}

Uses&& Uses::updates(std::initializer_list<const Tensor*> tensors) && {
  for (const Tensor* tensor : tensors) add(*tensor, Kind::Update);
  return std::move(*this);
}

const StreamError* Uses::error() const {
  for (const auto& [fault, kind] : uses_) {
    if (kind != Kind::Overwrite && *fault) return &**fault;
  }
  return nullptr;
}

void Uses::skipped(const StreamError& error) const {
  const StreamError kept = error;  // it may lie in one of the operands
  for (const auto& [fault, kind] : uses_) {
    if (kind == Kind::Overwrite || kind == Kind::Change) *fault = kept;
  }
}

void Uses::failed(const StreamError& error) const {
  for (const auto& [fault, kind] : uses_) {
    if (kind != Kind::Read) *fault = error;
  }
}

void Uses::succeeded() const {
  for (const auto& [fault, kind] : uses_) {
    if (kind == Kind::Overwrite) fault->reset();
  }
}

}  // namespace llft

#include "core/uses.h"

#include <utility>

#include "core/storage.h"
#include "core/tensor.h"

namespace llft {

void Uses::add(const Tensor& tensor, Kind kind) {
  if (tensor) uses_.push_back({tensor.storage()->fault(), kind, tensor.read_only()});
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
  for (const Use& use : uses_) {
    if (use.kind != Kind::Overwrite && *use.fault) return &**use.fault;
  }
  return nullptr;
}

void Uses::skipped(const StreamError& error) const {
  const StreamError kept = error;  // it may lie in one of the operands
  for (const Use& use : uses_) {
    if (use.kind == Kind::Overwrite || use.kind == Kind::Change) *use.fault = kept;
  }
}

void Uses::failed(const StreamError& error) const {
  for (const Use& use : uses_) {
    if (use.kind != Kind::Read) *use.fault = error;
  }
}

void Uses::lost_files(const StreamError& error) const {
  failed(error);
  for (const Use& use : uses_) {
    if (use.is_file) *use.fault = error;
  }
}

void Uses::succeeded() const {
  for (const Use& use : uses_) {
    if (use.kind == Kind::Overwrite) use.fault->reset();
  }
}

}  // namespace llft

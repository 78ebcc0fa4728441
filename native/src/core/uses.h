// What an entry of a stream does with storages: by it an error reaches what was computed from the
// failed computation, and nothing else.
#pragma once

#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace llft {

class Tensor;

// The error of a computation.
struct StreamError {
  ErrorCode code;
  std::string message;  // begins with the name of the op that enqueued the work
};

// What a failed computation left of a storage, or nothing. Only the thread of the stream looks into
// it.
using Fault = std::optional<StreamError>;

class Uses {
 public:
  enum class Kind {
    Read,
    Overwrite,  // becomes new as a whole
    Change,     // becomes new in part, or from what it was
    Update,     // as Change, but without its update it is still worth something
  };

  Uses&& reads(std::initializer_list<const Tensor*> tensors) &&;
  Uses&& reads(const std::vector<Tensor>& tensors) &&;
  // Overwrites a tensor that is all of its storage, and changes any other.
  Uses&& writes(std::initializer_list<const Tensor*> tensors) &&;
  Uses&& changes(std::initializer_list<const Tensor*> tensors) &&;
  Uses&& updates(std::initializer_list<const Tensor*> tensors) &&;

  // On the stream's thread. The error with which the entry must not run: that of an operand.
  const StreamError* error() const;
  // The entry was skipped, or threw, because of `error`.
  void skipped(const StreamError& error) const;
  void failed(const StreamError& error) const;
  // The entry met a mapped file that lost pages: it failed, and the files that it reads are lost.
  void lost_files(const StreamError& error) const;
  void succeeded() const;

 private:
  struct Use {
    std::shared_ptr<Fault> fault;
    Kind kind;
    bool is_file;  // read-only, because it lies in a mapped file
  };
  void add(const Tensor& tensor, Kind kind);  // absent ones do not count

  std::vector<Use> uses_;
};

}  // namespace llft

// Errors that cross into JavaScript: a code that names the class there, and a sentence that names
// the op.
#pragma once

#include <stdexcept>
#include <string>

namespace llft {

enum class ErrorCode { Shape, Dtype, Device, OutOfMemory, Disposed, Format, Config, Data, Aborted };

class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace llft

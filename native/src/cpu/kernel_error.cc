#include "cpu/kernel_error.h"

#include <string>

#include "core/check.h"

namespace llft::cpu {

void fail_index(const char* op, const char* name, int64_t value, int64_t limit) {
  fail(ErrorCode::Shape, op, std::string(name) + " must be in [0, " + std::to_string(limit) + ")",
       std::to_string(value));
}

void fail_value(const char* op, const char* must, const char* got) {
  fail(ErrorCode::Data, op, must, got);
}

}  // namespace llft::cpu

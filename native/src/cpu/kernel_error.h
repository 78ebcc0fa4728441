// Errors that only a kernel can find, because they are in the values of a tensor. What the kernel was
// to write keeps them.
#pragma once

#include <cstdint>

namespace llft::cpu {

// Throws `<op>: <name> must be in [0, <limit>); got <value>.` with code Shape.
[[noreturn]] void fail_index(const char* op, const char* name, int64_t value, int64_t limit);

// Throws `<op>: <what must hold>; got <actual>.` with code Data.
[[noreturn]] void fail_value(const char* op, const char* must, const char* got);

}  // namespace llft::cpu

// Embedding rows exactly; their gradient within (occurrences) u sum |dy|.
#include "core/ops.h"
#include "cpu/kernels.h"
#include "op_check.h"

namespace llft::test {
namespace {

using cpu::Kernels;
using cpu::ThreadPool;

TEST_CASE("embedding: rows are copied, and their gradients added in the order of the tokens") {
  for (const DType dtype : {DType::F32, DType::BF16}) {
    for (const int64_t columns : {1, 7, 16, 33}) {
      const int64_t vocabulary = 1500, tokens = 70;
      Random random(static_cast<uint64_t>(columns));
      const Buffer weight = Buffer::random(dtype, vocabulary * columns, random);
      const Buffer dy = Buffer::random(dtype, tokens * columns, random);
      Buffer ids(DType::I32, tokens);
      // Few distinct ids, so that tokens meet; the first and the last of the vocabulary among them.
      const int64_t some[] = {0, vocabulary - 1, 511, 512, 3};
      for (int64_t t = 0; t < tokens; ++t) ids.set(t, static_cast<double>(some[random.below(5)]));

      std::vector<double> rows, gradient(static_cast<size_t>(vocabulary * columns)),
          magnitude(gradient.size());
      for (int64_t i = 0; i < tokens * columns; ++i) {
        const int64_t at = static_cast<int64_t>(ids.at(i / columns)) * columns + i % columns;
        rows.push_back(weight.at(at));
        gradient[at] += dy.at(i);
        magnitude[at] += std::abs(dy.at(i));
      }
      Buffer y(dtype, tokens * columns), dweight(DType::F32, vocabulary * columns);
      run_everywhere(
          {&y, &dweight},
          [&](const Kernels& kernels, ThreadPool& pool) {
            const int32_t* id = ids.as<int32_t>();
            kernels.embedding({weight.data(), id, y.data(), tokens, vocabulary, columns, dtype},
                              pool);
            kernels.embedding_backward(
                {dy.data(), id, dweight.as<float>(), tokens, vocabulary, columns, dtype}, pool);
          },
          [&] {
            CHECK(y.values() == rows);
            check_close(dweight.values(), gradient,
                        [&](int64_t i) { return tokens * kF32Unit * magnitude[i] + kTiny; });
          });
    }
  }
}

TEST_CASE("embedding: an id outside of the vocabulary is named") {
  const Tensor weight = tensor_of(DType::F32, {2, 2}, {1, 2, 3, 4});
  CHECK(values_of(ops::embedding(weight, tensor_of(DType::I32, {2}, {1, 0}))) ==
        std::vector<double>{3, 4, 1, 2});
  const Tensor dy = tensor_of(DType::BF16, {1, 2}, {5, 6});
  CHECK(values_of(ops::embedding_backward(dy, tensor_of(DType::I32, {1}, {1}), 2)) ==
        std::vector<double>{0, 0, 5, 6});
  for (const double id : {2, -1}) {
    const Tensor bad = tensor_of(DType::I32, {1}, {id});
    const std::string text =
        "ids must be in [0, 2); got " + std::to_string(static_cast<int>(id)) + ".";
    check_throws(ErrorCode::Shape, "embedding: " + text,
                 [&] { values_of(ops::embedding(weight, bad)); });
    check_throws(ErrorCode::Shape, "embeddingBackward: " + text,
                 [&] { values_of(ops::embedding_backward(dy, bad, 2)); });
  }
  check_throws(ErrorCode::Dtype, "embedding: ids must be int32",
               [&] { ops::embedding(weight, weight); });
  check_throws(ErrorCode::Shape, "embeddingBackward: ids must have shape [1]",
               [&] { ops::embedding_backward(dy, tensor_of(DType::I32, {2}, {0, 0}), 2); });
}

}  // namespace
}  // namespace llft::test

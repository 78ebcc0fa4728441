#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <future>
#include <string>

#include "core/handle_table.h"
#include "core/host_data.h"
#include "core/ops.h"
#include "doctest/doctest.h"
#include "op_check.h"

namespace llft {
namespace {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes) {
    std::string pattern = (std::filesystem::temp_directory_path() / "llft-map-XXXXXX").string();
    close(mkstemp(pattern.data()));
    path_ = pattern;
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST_CASE("mapping: a range of a file is a read-only tensor without a copy") {
  const TemporaryFile file(std::string("\0\1\2\3\4\5\6\7\x8\x9", 10));
  const size_t before = host_device().allocator().stats().bytes_in_use;
  std::shared_ptr<MappedFile> mapped = MappedFile::open(file.path());
  CHECK(mapped->size() == 10);
  Tensor tensor = from_mapping(host_device(), mapped, 2, DType::I32, {2});
  CHECK(tensor.read_only() == false);  // offset 2 is not aligned to 4: a copy
  tensor = from_mapping(host_device(), mapped, 4, DType::BF16, {3, 1});
  CHECK(tensor.read_only());
  CHECK(tensor.data() == mapped->data() + 4);
  test::synchronize(host_device());
  mapped.reset();  // the tensor keeps the file mapped
  CHECK(std::memcmp(tensor.data(), "\4\5\6\7\x8\x9", 6) == 0);
  tensor = Tensor();
  test::synchronize(host_device());
  CHECK(host_device().allocator().stats().bytes_in_use == before);
}

TEST_CASE("mapping: a file that is cut fails what meets the missing part, and nothing else") {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const TemporaryFile file(std::string(static_cast<size_t>(3 * page), '\1'));
  const std::shared_ptr<MappedFile> mapped = MappedFile::open(file.path());
  const Tensor whole = from_mapping(host_device(), mapped, 0, DType::F32, {3 * page / 4});
  const Tensor start = ops::slice_rows(whole, 0, 8);
  const double one = test::values_of(start)[0];
  std::filesystem::resize_file(file.path(), static_cast<uintmax_t>(page));
  test::check_throws(ErrorCode::Format, file.path() + ": the file must stay as it was",
                     [&] { test::values_of(ops::reduce_sum(whole)); });
  // What was read before counts no more; nothing is ever made of zeros.
  for (int again = 0; again < 2; ++again) {
    test::check_throws(ErrorCode::Format, "got one that was cut",
                       [&] { test::values_of(ops::scale(start, 2)); });
  }
  const Tensor other = test::tensor_of(DType::F32, {1}, {one});
  CHECK(test::values_of(ops::scale(other, 2))[0] == 2 * one);
}

TEST_CASE("mapping: reading what a cut file has lost is an error too") {
  const int64_t page = sysconf(_SC_PAGESIZE);
  const TemporaryFile file(std::string(static_cast<size_t>(2 * page), '\1'));
  const std::shared_ptr<MappedFile> mapped = MappedFile::open(file.path());
  const Tensor whole = from_mapping(host_device(), mapped, 0, DType::F32, {2 * page / 4});
  std::filesystem::resize_file(file.path(), 0);
  for (int again = 0; again < 2; ++again) {
    test::check_throws(ErrorCode::Format, "got one that was cut", [&] { test::values_of(whole); });
  }
}

TEST_CASE("spill: tensors of a nameless file keep what they hold when their pages go") {
  const std::string folder = std::filesystem::temp_directory_path().string();
  const auto files = [&] {
    int count = 0;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      count += entry.path().filename().string().starts_with("llft-spill");
    return count;
  };
  const int files_before = files();
  const size_t before = host_device().allocator().stats().bytes_in_use;
  std::shared_ptr<MappedFile> spill = MappedFile::create_spill(folder, 100000);
  CHECK(files() == files_before);
  const Tensor tensor = from_mapping(host_device(), spill, 4096, DType::F32, {20000});
  spill.reset();
  CHECK_FALSE(tensor.read_only());
  CHECK(host_device().allocator().stats().bytes_in_use == before);
  CHECK(test::values_of(tensor)[19999] == 0);
  ops::fill(tensor, 3);
  release_pages(tensor);
  CHECK(test::values_of(tensor) == std::vector<double>(20000, 3));
}

TEST_CASE("releasePages: memory without a file and mapped files keep their values") {
  const Tensor memory = test::tensor_of(DType::F32, {1}, {7});
  release_pages(memory);
  CHECK(test::values_of(memory) == std::vector<double>{7});
  const TemporaryFile file(std::string(20000, 'a'));
  const Tensor mapped =
      from_mapping(host_device(), MappedFile::open(file.path()), 0, DType::U8, {20000});
  release_pages(mapped);
  CHECK(test::values_of(mapped) == std::vector<double>(20000, 'a'));
}

TEST_CASE("spill: a folder that is none, and room that is not there, are refused") {
  test::check_throws(ErrorCode::Config, "must be a folder that takes files",
                     [] { MappedFile::create_spill("/nowhere/at/all", 1); });
}

TEST_CASE("mapping: an unaligned range is copied by the stream, which the mapping outlives") {
  const TemporaryFile file("xabcdefgh");
  std::shared_ptr<MappedFile> mapped = MappedFile::open(file.path());
  const Tensor tensor = from_mapping(host_device(), mapped, 1, DType::F32, {2});
  mapped.reset();
  test::synchronize(host_device());
  CHECK(std::memcmp(tensor.data(), "abcdefgh", 8) == 0);
}

TEST_CASE("mapping: queued kernels keep what they read mapped") {
  const TemporaryFile file(std::string(1 << 16, 'z'));
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  std::promise<char> seen;
  {
    const Tensor tensor =
        from_mapping(host_device(), MappedFile::open(file.path()), 0, DType::U8, {1 << 16});
    host_device().stream().enqueue("test", [opened, &seen, data = tensor.data_as<char>()] {
      opened.wait();
      seen.set_value(data[(1 << 16) - 1]);
    });
  }
  gate.set_value();
  CHECK(seen.get_future().get() == 'z');
  test::synchronize(host_device());
}

TEST_CASE("mapping: ranges outside of the file are refused, however they overflow") {
  const TemporaryFile file("0123456789");
  const std::shared_ptr<MappedFile> mapped = MappedFile::open(file.path());
  CHECK(from_mapping(host_device(), mapped, 10, DType::U8, {0}).numel() == 0);
  const auto refuse = [&](uint64_t offset, const Shape& shape) {
    test::check_throws(ErrorCode::Format, "the range must lie inside the 10 bytes",
                       [&] { from_mapping(host_device(), mapped, offset, DType::F32, shape); });
  };
  refuse(8, {1});
  refuse(11, {0});
  refuse(0, {3});
  refuse(~uint64_t{0}, {1});
  refuse(~uint64_t{0} - 3, {1});
  refuse(4, {int64_t{1} << 46});
  test::check_throws(ErrorCode::Shape, "2^47", [&] {
    from_mapping(host_device(), mapped, 0, DType::F32, {1 << 30, 1 << 30, 1 << 30});
  });
  test::check_throws(ErrorCode::Shape, "negative",
                     [&] { from_mapping(host_device(), mapped, 0, DType::F32, {-1}); });
}

TEST_CASE("mapping: files that cannot be mapped are refused by name") {
  test::check_throws(ErrorCode::Format, "No such file",
                     [] { MappedFile::open("/nonexistent/file"); });
  test::check_throws(ErrorCode::Format, "not a regular file", [] { MappedFile::open("/tmp"); });
  const TemporaryFile empty("");
  CHECK(MappedFile::open(empty.path())->size() == 0);
}

TEST_CASE(
    "host data: bytes are copied before the call returns, also into memory that queued kernels "
    "still use") {
  std::promise<void> gate;
  std::shared_future<void> opened = gate.get_future().share();
  std::vector<float> seen(64);
  {
    std::vector<float> bytes(64, 1.0f);
    Tensor first = from_bytes(host_device(), bytes.data(), 256, DType::F32, {64});
    host_device().stream().enqueue("test", [opened, &seen, data = first.data_as<float>()] {
      opened.wait();
      std::memcpy(seen.data(), data, 256);
    });
    first = Tensor();
    bytes.assign(64, 2.0f);
    const Tensor second = from_bytes(host_device(), bytes.data(), 256, DType::F32, {64});
    bytes.assign(64, 3.0f);
    gate.set_value();
    CHECK(test::values_of(second) == std::vector<double>(64, 2.0));
  }
  CHECK(seen == std::vector<float>(64, 1.0f));
}

TEST_CASE("host data: the number of bytes must be the tensor's") {
  const char bytes[12] = {};
  test::check_throws(ErrorCode::Shape, "must have 8 bytes; got 12",
                     [&] { from_bytes(host_device(), bytes, 12, DType::BF16, {2, 2}); });
}

TEST_CASE("shapes: counts that overflow are refused, an empty dimension makes an empty tensor") {
  CHECK(Tensor::empty(host_device(), DType::F32, {}).numel() == 1);
  CHECK(Tensor::empty(host_device(), DType::F32, {0, int64_t{1} << 60}).bytes() == 0);
  test::check_throws(ErrorCode::Shape, "2^47",
                     [] { Tensor::empty(host_device(), DType::U8, {int64_t{1} << 40, 256}); });
  test::check_throws(ErrorCode::Shape, "negative",
                     [] { Tensor::empty(host_device(), DType::U8, {0, -3}); });
}

TEST_CASE("handles: live until erased, and never again") {
  HandleTable table(7);
  const Tensor tensor = Tensor::empty(host_device(), DType::F32, {2});
  const HandleTable::Handle handle = table.insert(tensor);
  CHECK(handle < uint64_t{1} << 53);
  REQUIRE(table.find(handle));
  CHECK(table.find(handle)->data() == tensor.data());
  CHECK(table.size() == 1);
  CHECK(table.erase(handle));
  CHECK(table.find(handle) == nullptr);
  CHECK_FALSE(table.erase(handle));
  const HandleTable::Handle again = table.insert(tensor);
  CHECK(again != handle);
  CHECK(table.find(handle) == nullptr);
  CHECK(table.size() == 1);
}

TEST_CASE("handles: those of another table, and any other number, name nothing") {
  HandleTable mine(1), theirs(2);
  const Tensor tensor = Tensor::empty(host_device(), DType::F32, {2});
  const HandleTable::Handle handle = theirs.insert(tensor);
  mine.insert(tensor);
  for (const uint64_t wrong :
       {handle, uint64_t{0}, uint64_t{1}, ~uint64_t{0}, (uint64_t{1} << 53) - 1}) {
    CHECK(mine.find(wrong) == nullptr);
  }
}

TEST_CASE("handles: a slot whose generations are used up is left alone") {
  HandleTable table(3);
  const Tensor tensor = Tensor::empty(host_device(), DType::U8, {1});
  const HandleTable::Handle first = table.insert(tensor);
  table.erase(first);
  HandleTable::Handle last = first;
  for (int i = 0; i < (1 << 21) + 5; ++i) {
    last = table.insert(tensor);
    REQUIRE(last != first);
    table.erase(last);
  }
  CHECK((last & 0xffffff) == (first & 0xffffff) + 1);
  CHECK(table.find(first) == nullptr);
}

}  // namespace
}  // namespace llft

#include "adapters/embedded/memory_disk.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>

namespace settle::embedded {

/// Names and sizes are durable at once here: what the journal relies on is the order of the data
/// only, and its directory syncs are tested by counting calls. Data becomes durable by a sync.
class memory_disk::handle final : public file {
 public:
  handle(memory_disk& disk, std::string path) : disk_(disk), path_(std::move(path)) {}

  io_count write_at(std::span<const iovec> pieces, std::uint64_t offset) override {
    std::string bytes;
    for (const iovec& piece : pieces) {
      bytes.append(static_cast<const char*>(piece.iov_base), piece.iov_len);
    }
    const int error = disk_.next_call();
    const bool hit = disk_.fault_ && disk_.fault_->call == disk_.calls_;
    if (hit) bytes.resize(std::min(bytes.size(), disk_.fault_->written));
    std::string& all = disk_.now_[path_];
    if (all.size() < offset + bytes.size()) all.resize(offset + bytes.size());
    std::copy(bytes.begin(), bytes.end(), all.begin() + static_cast<std::ptrdiff_t>(offset));
    const std::size_t count = bytes.size();
    disk_.unsynced_.push_back({path_, offset, std::move(bytes)});
    return {error == 0 ? count : 0, error};
  }

  io_count read_at(std::span<char> to, std::uint64_t offset) override {
    if (const int error = disk_.next_call(); error != 0) return {0, error};
    const std::string& all = disk_.now_[path_];
    if (offset >= all.size()) return {0, 0};
    return {all.copy(to.data(), to.size(), offset), 0};
  }

  int allocate(std::uint64_t size) override {
    if (const int error = disk_.next_call(); error != 0) return error;
    std::string& all = disk_.now_[path_];
    if (size <= all.size()) return 0;
    if (disk_.used() + size - all.size() > disk_.capacity_) return ENOSPC;
    all.resize(size);
    disk_.durable_[path_].resize(size);
    return 0;
  }

  int truncate(std::uint64_t size) override {
    if (const int error = disk_.next_call(); error != 0) return error;
    disk_.now_[path_].resize(size);
    disk_.durable_[path_].resize(size);
    return 0;
  }

  int sync() override {
    if (const int error = disk_.next_call(); error != 0) return error;
    disk_.durable_[path_] = disk_.now_[path_];
    std::erase_if(disk_.unsynced_, [this](const write& w) { return w.path == path_; });
    return 0;
  }

 private:
  memory_disk& disk_;
  std::string path_;
};

int memory_disk::next_call() {
  ++calls_;
  if (!fault_) return 0;
  const bool hit = calls_ == fault_->call || (fault_->for_good && calls_ > fault_->call);
  return hit ? fault_->error : 0;
}

std::uint64_t memory_disk::used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, all] : now_) bytes += all.size();
  return bytes;
}

std::unique_ptr<file> memory_disk::open(const std::string& path, open_mode mode, int& error) {
  error = next_call();
  if (error == 0 && mode == open_mode::create && now_.contains(path)) error = EEXIST;
  if (error == 0 && mode != open_mode::create && !now_.contains(path)) error = ENOENT;
  if (error != 0) return nullptr;
  now_.try_emplace(path);
  durable_.try_emplace(path);
  return std::make_unique<handle>(*this, path);
}

int memory_disk::list(const std::string& path, std::vector<std::string>& names) {
  if (const int error = next_call(); error != 0) return error;
  names.clear();
  const std::string prefix = path + "/";
  for (const auto& [name, all] : now_) {
    if (name.starts_with(prefix)) names.push_back(name.substr(prefix.size()));
  }
  return 0;
}

bool memory_disk::exists(const std::string& path) {
  return now_.contains(path);
}

int memory_disk::make_directory(const std::string&) {
  return next_call();
}

int memory_disk::rename(const std::string& from, const std::string& to) {
  if (const int error = next_call(); error != 0) return error;
  for (content* files : {&now_, &durable_}) {
    auto moved = files->extract(from);
    if (moved.empty()) return ENOENT;
    files->erase(to);
    moved.key() = to;
    files->insert(std::move(moved));
  }
  return 0;
}

int memory_disk::remove(const std::string& path) {
  if (const int error = next_call(); error != 0) return error;
  if (now_.erase(path) == 0) return ENOENT;
  durable_.erase(path);
  std::erase_if(unsynced_, [&](const write& w) { return w.path == path; });
  return 0;
}

int memory_disk::sync_directory(const std::string&) {
  return next_call();
}

memory_disk::content memory_disk::after_crash(std::size_t unsynced_bytes) const {
  content left = durable_;
  for (const write& w : unsynced_) {
    const std::size_t count = std::min(unsynced_bytes, w.bytes.size());
    std::string& all = left[w.path];
    if (all.size() < w.offset + count) all.resize(w.offset + count);
    w.bytes.copy(all.data() + w.offset, count);
    unsynced_bytes -= count;
  }
  return left;
}

void memory_disk::restore(const content& files) {
  now_ = files;
  durable_ = files;
  unsynced_.clear();
  fault_.reset();
}

namespace {

TEST(memory_disk, what_is_not_synced_is_lost_in_parts) {
  memory_disk disk;
  int error = 0;
  const auto file = disk.open("f", file_system::open_mode::create, error);
  std::string bytes = "abcd";
  iovec piece{bytes.data(), bytes.size()};
  ASSERT_EQ(write_all(*file, {&piece, 1}, 0), 0);
  EXPECT_EQ(disk.durable().at("f"), "");
  EXPECT_EQ(disk.after_crash(3).at("f"), "abc");
  ASSERT_EQ(file->sync(), 0);
  EXPECT_EQ(disk.durable().at("f"), "abcd");
}

TEST(memory_disk, write_all_goes_on_after_a_short_write) {
  memory_disk disk;
  int error = 0;
  const auto file = disk.open("f", file_system::open_mode::create, error);
  std::string first = "ab", second = "cdef";
  for (std::size_t taken = 1; taken < 6; ++taken) {
    disk.plan(memory_disk::fault{.call = disk.calls() + 1, .error = 0, .written = taken});
    iovec pieces[] = {{first.data(), first.size()}, {second.data(), second.size()}};
    ASSERT_EQ(write_all(*file, pieces, 0), 0);
    EXPECT_EQ(disk.files().at("f"), "abcdef");
    disk.files()["f"].clear();
  }
}

}  // namespace
}  // namespace settle::embedded

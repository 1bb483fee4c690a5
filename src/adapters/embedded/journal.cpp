#include "adapters/embedded/journal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/check.hpp"

namespace settle::embedded {
namespace {

/// Longer changes are written from where they are, shorter ones are cheaper to copy.
constexpr std::size_t copied_changes = 4'096;

/// A sync of blocks that were written before costs half of one of blocks that are only allocated,
/// which changes the file's map of blocks too. So a record now and then writes zeros for the next.
constexpr std::array<char, 64 << 10> zeros{};

/// A header with its varint at its longest.
constexpr std::size_t batch_header_max = batch_size_min + 9;

}  // namespace

result<std::unique_ptr<journal>> journal::create(const journal_settings& settings) {
  std::unique_ptr<journal> made(new journal(settings));
  if (const int error = made->create_file(1, 1); error != 0) {
    return settle::error{is_no_space(error) ? errc::no_space : errc::unavailable,
                         fmt::format("cannot create {}: {}", made->path(1), strerror(error))};
  }
  return made;
}

std::string journal::path(std::uint32_t number) const {
  return settings_.directory + "/" + file_name(number);
}

int journal::create_file(std::uint32_t number, std::uint64_t first_sequence) {
  file_system& files = *settings_.files;
  int error = 0;
  auto made = files.open(path(number), file_system::open_mode::create, error);
  if (error == EEXIST) {
    // Left by a rotation that failed before its seal: it holds no record.
    if (error = files.remove(path(number)); error != 0) return error;
    made = files.open(path(number), file_system::open_mode::create, error);
  }
  if (!made) return error;
  std::string header = encode({journal_version, number, settings_.system, first_sequence});
  iovec piece{header.data(), header.size()};
  error = made->allocate(settings_.preallocation);
  if (error == 0) error = write_all(*made, {&piece, 1}, 0);
  if (error == 0) error = made->sync();
  if (error == 0) error = files.sync_directory(settings_.directory);
  if (error != 0) {
    files.remove(path(number));
    return error;
  }
  file_ = std::move(made);
  number_ = number;
  last_sequence_ = first_sequence - 1;
  end_ = file_header_size;
  allocated_ = std::max<std::uint64_t>(settings_.preallocation, file_header_size);
  zeroed_ = end_;
  return 0;
}

journal::outcome journal::append(std::span<const commit_batch* const> batches) {
  CHECK(!batches.empty(), "a record without batches is a seal");
  return write(batches);
}

journal::outcome journal::rotate() {
  if (broken_) return outcome::broken;
  // The new file first, then the seal of the old one: a seal promises that there is a next file.
  journal next(settings_);
  if (const int error = next.create_file(number_ + 1, last_sequence_ + 2); error != 0) {
    return fail("start a new file", error, false);
  }
  if (const outcome sealed = write({}); sealed != outcome::durable) {
    // If nobody knows whether the seal is on the disk, the file that it promises must stay.
    if (sealed == outcome::no_space) settings_.files->remove(path(number_ + 1));
    return sealed;
  }
  file_ = std::move(next.file_);
  number_ = next.number_;
  end_ = next.end_;
  allocated_ = next.allocated_;
  zeroed_ = next.zeroed_;
  return outcome::durable;
}

void journal::gather(std::span<const commit_batch* const> batches) {
  std::size_t room = record_header_size;
  for (const commit_batch* batch : batches) {
    room += batch_header_max;
    if (batch->changes.size() <= copied_changes) room += batch->changes.size();
  }
  copied_.clear();
  copied_.reserve(room);  // so that the views below stay valid
  copied_.append(record_header_size, '\0');
  payload_.clear();

  std::size_t begin = copied_.size();
  const auto end_stretch = [&] {
    if (begin == copied_.size()) return;
    payload_.emplace_back(copied_.data() + begin, copied_.size() - begin);
    begin = copied_.size();
  };
  for (const commit_batch* batch : batches) {
    encode_batch_header(*batch, copied_);
    if (batch->changes.size() <= copied_changes) {
      copied_ += batch->changes;
    } else {
      end_stretch();
      payload_.emplace_back(batch->changes);
    }
  }
  end_stretch();
  CHECK(copied_.size() <= room, "the estimate holds");
}

journal::outcome journal::write(std::span<const commit_batch* const> batches) {
  if (broken_) return outcome::broken;
  gather(batches);
  encode_record_header(last_sequence_ + 1, static_cast<std::uint32_t>(batches.size()), payload_,
                       copied_.data());
  char end_mark = record_end;
  pieces_.clear();
  pieces_.push_back({copied_.data(), record_header_size});
  std::uint64_t size = record_header_size + record_end_size;
  for (std::string_view piece : payload_) {
    pieces_.push_back({const_cast<char*>(piece.data()), piece.size()});
    size += piece.size();
  }
  pieces_.push_back({&end_mark, record_end_size});

  if (const int error = allocate(end_ + size); error != 0) {
    return fail("get room", error, false);
  }
  if (!batches.empty() && end_ + size > zeroed_) {
    const std::uint64_t ahead = std::min<std::uint64_t>(allocated_ - (end_ + size), zeros.size());
    if (ahead > 0) pieces_.push_back({const_cast<char*>(zeros.data()), ahead});
    zeroed_ = end_ + size + ahead;
  }
  if (const int error = write_all(*file_, pieces_, end_); error != 0) {
    return fail("write", error, true);
  }
  if (const int error = file_->sync(); error != 0) {
    broken_ = true;
    failure_ =
        fmt::format("{}: cannot sync: {}. What the disk holds is unknown: check it, then restart",
                    path(number_), strerror(error));
    return outcome::broken;
  }
  end_ += size;
  ++last_sequence_;
  return outcome::durable;
}

int journal::allocate(std::uint64_t size) {
  if (size <= allocated_) return 0;
  const std::uint64_t step = std::max<std::uint64_t>(settings_.preallocation, 1);
  const std::uint64_t wanted = (size + step - 1) / step * step;
  if (const int error = file_->allocate(wanted); error != 0) return error;
  allocated_ = wanted;
  return 0;
}

journal::outcome journal::fail(const char* action, int error, bool written) {
  const bool full = is_no_space(error);
  failure_ = fmt::format("{}: cannot {}: {}. ", path(number_), action, strerror(error));
  // What a failed call left behind must not be in the way of the next record: the rest of the file
  // has to be zeros. Durably, or what was refused could be there after a crash.
  int cut = file_->truncate(end_);
  if (cut == 0 && written) cut = file_->sync();
  if (cut == 0) allocated_ = zeroed_ = end_;
  if (full && cut == 0) {
    failure_ += "Free some space; writes go on by themselves then";
    return outcome::no_space;
  }
  broken_ = true;
  failure_ += written ? "What the disk holds is unknown: check it, then restart"
                      : "Check the disk, then restart";
  return outcome::broken;
}

bool journal::make_room() {
  CHECK(!broken_, "a broken journal stays so");
  const std::uint64_t wanted = end_ + settings_.preallocation + settings_.reserve;
  if (wanted <= allocated_) return true;
  if (file_->allocate(wanted) == 0) {
    allocated_ = wanted;
    return true;
  }
  if (file_->truncate(end_) == 0) allocated_ = zeroed_ = end_;
  return false;
}

int remove_journal_files(file_system& files, const std::string& directory, std::uint32_t number) {
  std::vector<std::string> names;
  if (const int error = files.list(directory, names); error != 0) return error;
  bool removed = false;
  for (const std::string& name : names) {
    const auto found = file_number(name);
    if (!found || *found >= number) continue;
    if (const int error = files.remove(directory + "/" + name); error != 0) return error;
    removed = true;
  }
  return removed ? files.sync_directory(directory) : 0;
}

}  // namespace settle::embedded

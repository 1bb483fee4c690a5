// How long the disk takes to keep one record: writes records of 4 KiB one after the other, each
// with an fdatasync, at the end of a growing file and into space that was written before.
// `bare_fdatasync DIRECTORY SECONDS`: prints JSON; times are microseconds. Its file is removed.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace {

using clock_type = std::chrono::steady_clock;
constexpr std::size_t record_bytes = 4'096;
constexpr std::size_t prepared_records = 16'384;  // 64 MiB, like a file of a journal

[[noreturn]] void give_up(const std::string& what) {
  fmt::print(stderr, "bare_fdatasync: {}: {}\n", what, std::strerror(errno));
  std::exit(1);
}

/// A file that is gone when this is.
class scratch_file {
 public:
  explicit scratch_file(std::string path)
      : path_(std::move(path)),
        descriptor_(open(path_.c_str(), O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) give_up(path_);
  }
  ~scratch_file() {
    close(descriptor_);
    unlink(path_.c_str());
  }
  scratch_file(const scratch_file&) = delete;
  scratch_file& operator=(const scratch_file&) = delete;

  void write_record(std::size_t index) {
    static const std::string record(record_bytes, 's');
    const auto at = static_cast<off_t>(index * record_bytes);
    if (pwrite(descriptor_, record.data(), record.size(), at) !=
        static_cast<ssize_t>(record.size())) {
      give_up("write");
    }
  }
  void sync() {
    if (fdatasync(descriptor_) != 0) give_up("fdatasync");
  }

 private:
  std::string path_;
  int descriptor_;
};

/// REQUIRES: `sorted` is, and is not empty.
double quantile(const std::vector<double>& sorted, double fraction) {
  return sorted[static_cast<std::size_t>(fraction * static_cast<double>(sorted.size() - 1))];
}

/// A write and its sync, over and over; as JSON.
std::string measure(const std::string& directory, double seconds, bool prepared) {
  scratch_file file(directory + "/fdatasync." + std::to_string(getpid()));
  if (prepared) {
    for (std::size_t i = 0; i < prepared_records; ++i) file.write_record(i);
    file.sync();
  }
  std::vector<double> took_us;
  const clock_type::time_point end =
      clock_type::now() +
      std::chrono::duration_cast<clock_type::duration>(std::chrono::duration<double>(seconds));
  for (std::size_t next = 0; took_us.empty() || clock_type::now() < end; ++next) {
    const clock_type::time_point began = clock_type::now();
    file.write_record(prepared ? next % prepared_records : next);
    file.sync();
    took_us.push_back(std::chrono::duration<double, std::micro>(clock_type::now() - began).count());
  }
  std::sort(took_us.begin(), took_us.end());
  return fmt::format(
      R"({{"count": {}, "p50": {:.1f}, "p90": {:.1f}, "p99": {:.1f}, "max": {:.1f}}})",
      took_us.size(), quantile(took_us, 0.5), quantile(took_us, 0.9), quantile(took_us, 0.99),
      took_us.back());
}

}  // namespace

int main(int count, char** arguments) {
  double seconds = 0;
  const std::string_view text = count == 3 ? arguments[2] : "";
  if (std::from_chars(text.data(), text.data() + text.size(), seconds).ec != std::errc{}) {
    fmt::print(stderr, "usage: bare_fdatasync DIRECTORY SECONDS\n");
    return 2;
  }
  const std::string directory = arguments[1];
  const std::string growing = measure(directory, seconds, false);
  fmt::print("{{\"record_bytes\": {}, \"growing\": {}, \"prepared\": {}}}\n", record_bytes, growing,
             measure(directory, seconds, true));
}

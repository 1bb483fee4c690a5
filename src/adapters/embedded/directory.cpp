#include "adapters/embedded/directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/bytes.hpp"

namespace settle::embedded {
namespace {

constexpr std::string_view description_magic = "settle-s";
constexpr std::uint32_t description_version = 1;
constexpr std::size_t version_end = 8 + 4;

std::string description_path(const std::string& directory) {
  return directory + "/system";
}
std::string provisional_path(const std::string& directory) {
  return directory + "/system.new";
}

std::string import_path(const std::string& directory) {
  return directory + "/importing";
}

settle::error failed(const char* action, const std::string& path, int error) {
  return {is_no_space(error) ? errc::no_space : errc::unavailable,
          fmt::format("cannot {} {}: {}", action, path, strerror(error))};
}

std::string encode(const system_description& system) {
  std::string bytes(description_magic);
  byte_writer out(bytes);
  out.u32(description_version);
  out.request(system.system);
  for (auto count : system.partitions) out.u16(count);
  out.u64(XXH3_64bits(bytes.data(), bytes.size()));
  return bytes;
}

}  // namespace

std::string journal_directory(const std::string& directory) {
  return directory + "/journal";
}
std::string database_directory(const std::string& directory) {
  return directory + "/database";
}

result<directory_lock> directory_lock::acquire(file_system& files, const std::string& directory) {
  if (const int error = files.make_directory(directory); error != 0) {
    return failed("create", directory, error);
  }
  const std::string path = directory + "/LOCK";
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor < 0) return failed("open", path, errno);
  directory_lock held(descriptor);
  char holder[24]{};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) < 0) {
    if (errno != EWOULDBLOCK) return failed("lock", path, errno);
    const auto size = ::pread(descriptor, holder, sizeof holder - 1, 0);
    return settle::error{
        errc::in_use,
        fmt::format("{} is in use by the process {}: stop it, or choose another directory",
                    directory, size > 0 ? holder : "(unknown)")};
  }
  // The number only helps a human: on a full disk the lock holds without it.
  const auto text = std::to_string(::getpid());
  if (::ftruncate(descriptor, 0) == 0) {
    [[maybe_unused]] const auto size = ::pwrite(descriptor, text.data(), text.size(), 0);
  }
  return held;
}

directory_lock::directory_lock(directory_lock&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

directory_lock::~directory_lock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

result<directory_state> inspect(file_system& files, const std::string& directory) {
  if (files.exists(description_path(directory))) return directory_state::created;
  if (files.exists(provisional_path(directory))) return directory_state::empty;
  for (const auto& data : {journal_directory(directory), database_directory(directory)}) {
    if (!files.exists(data)) continue;
    return settle::error{errc::corrupt,
                         fmt::format("{} is missing although {} is there: restore the data "
                                     "directory from a backup",
                                     description_path(directory), data)};
  }
  return directory_state::empty;
}

result<void> begin_creation(file_system& files, const std::string& directory,
                            const system_description& system) {
  for (const auto& data : {journal_directory(directory), database_directory(directory)}) {
    std::error_code code;
    std::filesystem::remove_all(data, code);
    if (code) return failed("remove", data, code.value());
  }
  const std::string path = provisional_path(directory);
  if (files.exists(path)) files.remove(path);
  int error = 0;
  const auto file = files.open(path, file_system::open_mode::create, error);
  if (!file) return failed("create", path, error);
  std::string bytes = encode(system);
  iovec piece{bytes.data(), bytes.size()};
  error = write_all(*file, {&piece, 1}, 0);
  if (error == 0) error = file->sync();
  if (error == 0) error = files.sync_directory(directory);
  if (error == 0) error = files.sync_directory(directory + "/..");  // the directory's own name
  if (error != 0) return failed("write", path, error);
  for (const auto& data : {journal_directory(directory), database_directory(directory)}) {
    error = files.make_directory(data);
    if (error != 0) return failed("create", data, error);
  }
  return {};
}

result<void> finish_creation(file_system& files, const std::string& directory) {
  int error = files.sync_directory(directory);
  if (error == 0) error = files.rename(provisional_path(directory), description_path(directory));
  if (error == 0) error = files.sync_directory(directory);
  if (error != 0) return failed("create", description_path(directory), error);
  return {};
}

result<void> refuse_unfinished_import(file_system& files, const std::string& directory) {
  if (!files.exists(import_path(directory))) return {};
  return settle::error{errc::incompatible,
                       fmt::format("{} holds an import that did not finish, so a part of the data "
                                   "is missing: remove what is in the directory, and import again",
                                   directory)};
}

result<void> begin_import(file_system& files, const std::string& directory) {
  const std::string path = import_path(directory);
  int error = 0;
  const auto file = files.open(path, file_system::open_mode::create, error);
  if (error == 0) error = file->sync();
  if (error == 0) error = files.sync_directory(directory);
  if (error == 0) error = files.sync_directory(directory + "/..");
  if (error != 0) return failed("create", path, error);
  return {};
}

result<void> end_import(file_system& files, const std::string& directory) {
  const std::string path = import_path(directory);
  if (!files.exists(path)) {
    return settle::error{errc::invalid, fmt::format("{} holds no import to finish", directory)};
  }
  int error = files.remove(path);
  if (error == 0) error = files.sync_directory(directory);
  if (error != 0) return failed("remove", path, error);
  return {};
}

result<system_description> load_description(file_system& files, const std::string& directory) {
  const std::string path = description_path(directory);
  int error = 0;
  const auto file = files.open(path, file_system::open_mode::read, error);
  std::vector<char> bytes;
  if (file) error = read_all(*file, bytes);
  if (error != 0) return failed("read", path, error);

  const std::string_view text(bytes.data(), bytes.size());
  byte_reader in(text.substr(std::min(description_magic.size(), text.size())));
  const std::uint32_t version = in.u32();
  system_description system;
  system.system = in.request();
  for (auto& count : system.partitions) count = in.u16();
  const std::uint64_t sum = in.u64();
  if (text.starts_with(description_magic) && version != description_version &&
      text.size() >= version_end) {
    return settle::error{errc::incompatible,
                         fmt::format("{} has format {}, this program knows {}: use the version of "
                                     "Settle that wrote it",
                                     path, version, description_version)};
  }
  if (!in.done() || !text.starts_with(description_magic) ||
      sum != XXH3_64bits(text.data(), text.size() - sizeof sum)) {
    return settle::error{errc::corrupt,
                         fmt::format("{}, offset 0: the description of the system is damaged: "
                                     "restore the file from a backup",
                                     path)};
  }
  return system;
}

}  // namespace settle::embedded

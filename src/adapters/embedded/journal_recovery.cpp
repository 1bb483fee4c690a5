#include "adapters/embedded/journal_recovery.hpp"
#include "base/check.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <cstring>

namespace settle::embedded {

result<std::unique_ptr<journal>> journal::recover(const journal_settings& settings,
                                                  std::uint64_t included, const replay& take) {
  return journal_recovery(settings, included, take).run();
}

result<std::unique_ptr<journal>> journal_recovery::run() {
  const auto numbers = list_files();
  if (!numbers) return numbers.error();
  file_end end;
  std::uint32_t current = 0;
  for (const std::uint32_t number : *numbers) {
    if (auto loaded = load(number); !loaded) return loaded.error();
    const bool first = current == 0;
    if (!first && !end.sealed) {
      // A rotation makes the next file before it seals this one, and nothing is written to the
      // next one before the seal is durable.
      if (number != numbers->back() || !unfinished()) {
        return corrupt(current, end.at,
                       "the file ends without its seal although " + file_name(number) +
                           " goes on: records are missing here");
      }
      spdlog::info("journal: {} is the beginning of an interrupted rotation, removed",
                   path(number));
      const int error = settings_.files->remove(path(number));
      if (error != 0) return failed(number, "remove", error);
      break;
    }
    if (auto checked = check_header(number, first); !checked) return checked.error();
    auto read = replay_records(number);
    if (!read) return read.error();
    end = *read;
    current = number;
  }
  if (end.sealed) {
    return corrupt(
        current, end.at,
        "the file is sealed, but the next one, " + file_name(current + 1) + ", is missing");
  }
  if (next_sequence_ <= included_) {
    return corrupt(current, end.at,
                   fmt::format("the journal ends with record {}, but the database already holds "
                               "record {}",
                               next_sequence_ - 1, included_));
  }
  return open_for_append(current, end);
}

result<std::vector<std::uint32_t>> journal_recovery::list_files() const {
  std::vector<std::string> names;
  const int error = settings_.files->list(settings_.directory, names);
  std::vector<std::uint32_t> numbers;
  if (error == 0) {
    for (const std::string& name : names) {
      if (const auto number = file_number(name)) numbers.push_back(*number);
    }
  } else if (settings_.files->exists(settings_.directory)) {
    return settle::error{errc::unavailable,
                         fmt::format("cannot list {}: {}", settings_.directory, strerror(error))};
  }
  if (numbers.empty()) {
    return settle::error{errc::corrupt,
                         fmt::format("{} has no journal file although this system was created: "
                                     "restore the data directory from a backup",
                                     settings_.directory)};
  }
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers[i] != numbers[i - 1] + 1) {
      return corrupt(numbers[i - 1] + 1, 0, "the file is missing although later ones are there");
    }
  }
  return numbers;
}

result<void> journal_recovery::load(std::uint32_t number) {
  int error = 0;
  const auto file = settings_.files->open(path(number), file_system::open_mode::write, error);
  bytes_.clear();
  if (file) error = read_all(*file, bytes_);
  // What a killed process has written but not synced is believed from now on, so it must not go
  // away with the next loss of power.
  if (error == 0) error = file->sync();
  if (error != 0) return failed(number, "read", error);
  return {};
}

bool journal_recovery::unfinished() const {
  return !find_record(bytes(), 0, 1).has_value();
}

result<void> journal_recovery::check_header(std::uint32_t number, bool first) const {
  const auto header = decode_file_header(bytes());
  if (!header) return corrupt(number, 0, "the file's header is damaged");
  if (header->version != journal_version) {
    return settle::error{errc::incompatible,
                         fmt::format("{} has journal format {}, this program knows {}: use the "
                                     "version of Settle that wrote it",
                                     path(number), header->version, journal_version)};
  }
  if (header->system != settings_.system) {
    return corrupt(number, 0, "the file belongs to another system than the directory's");
  }
  if (header->number != number) {
    return corrupt(
        number, 0,
        fmt::format("the file was written as {} and has been renamed", file_name(header->number)));
  }
  if (first ? header->first_sequence > included_ + 1 : header->first_sequence != next_sequence_) {
    return corrupt(number, 0,
                   fmt::format("the file begins with record {}, expected {}: records are missing",
                               header->first_sequence, first ? included_ + 1 : next_sequence_));
  }
  return {};
}

result<journal_recovery::file_end> journal_recovery::replay_records(std::uint32_t number) {
  const auto header = decode_file_header(bytes());
  CHECK(header.has_value(), "the header was checked before");
  next_sequence_ = header->first_sequence;
  file_end end{.at = file_header_size};
  record_view record;
  for (;;) {
    const record_state state = read_record(bytes(), end.at, record);
    if (state == record_state::none) return end;
    if (end.sealed) return corrupt(number, end.at, "there is something after the file's seal");
    if (state != record_state::whole) {
      const auto later = find_record(bytes(), end.at, next_sequence_);
      if (later) {
        return corrupt(number, end.at,
                       fmt::format("record {} is damaged: a whole record follows at offset {}",
                                   next_sequence_, *later));
      }
      if (state == record_state::damaged) {
        return corrupt(
            number, end.at,
            fmt::format("record {} was written but is not what was written", next_sequence_));
      }
      end.torn = true;
      return end;
    }
    if (record.sequence != next_sequence_) {
      return corrupt(
          number, end.at,
          fmt::format("record {} stands where {} is expected", record.sequence, next_sequence_));
    }
    if (record.batches == 0) {
      end.sealed = true;
    } else if (record.sequence > included_) {
      if (auto taken = take_(record); !taken) {
        return corrupt(number, end.at, taken.error().detail);
      }
    }
    ++next_sequence_;
    end.at += record.size();
  }
}

result<std::unique_ptr<journal>> journal_recovery::open_for_append(std::uint32_t number,
                                                                   const file_end& end) {
  std::unique_ptr<journal> opened(new journal(settings_));
  int error = 0;
  opened->file_ = settings_.files->open(path(number), file_system::open_mode::write, error);
  if (!opened->file_) return failed(number, "open", error);
  if (end.torn) {
    spdlog::info(
        "journal: {} ends with an unfinished write at offset {}, cut off: it was never "
        "acknowledged",
        path(number), end.at);
  }
  // Whatever stood after the end must be zeros again before the next record comes.
  error = opened->file_->truncate(end.at);
  if (error == 0) error = opened->file_->sync();
  if (error != 0) return failed(number, "cut", error);
  opened->number_ = number;
  opened->last_sequence_ = next_sequence_ - 1;
  opened->end_ = end.at;
  opened->allocated_ = end.at;
  return opened;
}

settle::error journal_recovery::corrupt(std::uint32_t number, std::uint64_t at,
                                        const std::string& what) const {
  return {errc::corrupt,
          fmt::format("{}, offset {}: {}. Nothing was changed. Restore the data directory from a "
                      "backup, or see docs/formats/journal.md, Damage",
                      path(number), at, what)};
}

settle::error journal_recovery::failed(std::uint32_t number, const char* action, int error) const {
  return {is_no_space(error) ? errc::no_space : errc::unavailable,
          fmt::format("cannot {} {}: {}", action, path(number), strerror(error))};
}

std::string journal_recovery::path(std::uint32_t number) const {
  return settings_.directory + "/" + file_name(number);
}

}  // namespace settle::embedded

// Memory in blocks of a few sizes, taken and given back without asking the system: for the many
// small values that an engine thread keeps. What was taken for one size serves that size from then
// on. Not thread-safe.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <new>
#include <vector>

namespace settle {

class block_pool {
 public:
  /// The size of the block that take(bytes) gives.
  static std::size_t block_size(std::size_t bytes) noexcept {
    if (bytes <= small) return (bytes + step - 1) / step * step;
    return bytes <= largest ? std::bit_ceil(bytes) : bytes;
  }

  /// Uninitialized, aligned to 16 bytes. REQUIRES: bytes > 0.
  void* take(std::size_t bytes);
  /// REQUIRES: take(bytes) returned the block, with a size that rounds to the same block_size.
  void give(void* block, std::size_t bytes) noexcept;

 private:
  static constexpr std::size_t step = 16;
  static constexpr std::size_t small = 1'024;          ///< beyond it sizes are powers of two
  static constexpr std::size_t largest = 512 * 1'024;  ///< larger ones come from operator new
  static constexpr std::size_t first_slab = 16 * 1'024;
  static constexpr std::size_t last_slab = 2 * 1'024 * 1'024;  ///< a large page of x86-64

  struct free_block {
    free_block* next;
  };
  struct slab_delete {
    std::align_val_t alignment;
    void operator()(std::byte* slab) const noexcept { operator delete(slab, alignment); }
  };

  static std::size_t class_of(std::size_t size) noexcept {
    return size <= small ? size / step
                         : small / step + static_cast<std::size_t>(std::countr_zero(size / small));
  }
  void add_slab(std::size_t least);

  std::array<free_block*, small / step + 10> free_{};
  std::vector<std::unique_ptr<std::byte, slab_delete>> slabs_;
  std::byte* unused_ = nullptr;  ///< the rest of the newest slab
  std::size_t unused_bytes_ = 0;
};

}  // namespace settle

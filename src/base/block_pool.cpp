#include "base/block_pool.hpp"

#include <sys/mman.h>

#include <algorithm>

namespace settle {

void* block_pool::take(std::size_t bytes) {
  if (bytes > largest) return operator new(bytes);
  const std::size_t size = block_size(bytes);
  free_block*& head = free_[class_of(size)];
  if (head != nullptr) {
    free_block* block = head;
    head = block->next;
    return block;
  }
  if (unused_bytes_ < size) add_slab(size);
  void* block = unused_;
  unused_ += size;
  unused_bytes_ -= size;
  return block;
}

void block_pool::give(void* block, std::size_t bytes) noexcept {
  if (bytes > largest) return operator delete(block);
  free_block*& head = free_[class_of(block_size(bytes))];
  head = new (block) free_block{head};
}

void block_pool::add_slab(std::size_t least) {
  // What is left of the old slab serves smaller blocks.
  while (unused_bytes_ >= step) {
    const std::size_t size =
        unused_bytes_ <= small ? unused_bytes_ / step * step : std::bit_floor(unused_bytes_);
    give(unused_, size);
    unused_ += size;
    unused_bytes_ -= size;
  }
  std::size_t size = first_slab << std::min<std::size_t>(slabs_.size(), 16);
  if (size >= last_slab || size < 4 * least) size = last_slab;
  const std::align_val_t alignment{size == last_slab ? last_slab : std::size_t{16}};
  auto* slab = static_cast<std::byte*>(operator new(size, alignment));
  // Values are visited in no order: with large pages each visit finds its address translated.
  if (size == last_slab) madvise(slab, size, MADV_HUGEPAGE);
  slabs_.emplace_back(slab, slab_delete{alignment});
  unused_ = slab;
  unused_bytes_ = size;
}

}  // namespace settle

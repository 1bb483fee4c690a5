#include "cli/waiting.hpp"

namespace settle::cli {

result<checkpoint_position> position_of(store& from, partition_id partition) {
  waiting<read_request> request;
  request.partition = partition;
  from.read(request);
  request.wait();
  if (!request.status) return request.status.error();
  return request.position;
}

}  // namespace settle::cli

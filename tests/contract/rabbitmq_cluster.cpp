#include "rabbitmq_cluster.hpp"

namespace settle::contract {

std::string rabbitmq_logs::exchange(service of) const {
  return prefix() + std::string(name(of));
}

std::string rabbitmq_logs::queue(partition_id partition) const {
  return exchange(partition.service) + "." + std::to_string(partition.index);
}

void rabbitmq_logs::trim(partition_id partition, offset below) {
  // Ours are the stream's and one more.
  control("trim " + queue(partition) + " " + std::to_string(below.value - 1));
}

int rabbitmq_logs::leader(partition_id partition) {
  return std::stoi(control("leader " + queue(partition)));
}

void rabbitmq_logs::delete_logs(service of) {
  for (std::uint16_t p = 0; p < partitions[static_cast<std::size_t>(of)]; ++p) {
    control("delete " + queue({of, p}));
  }
}

}  // namespace settle::contract

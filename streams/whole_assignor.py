"""Faust's assignor, for whole groups of topics only."""

from collections.abc import Mapping
from typing import Any

from aiokafka.cluster import ClusterMetadata
from faust.assignor.partition_assignor import PartitionAssignor


class WholeAssignor(PartitionAssignor):
    """Assigns nothing before the broker has shown every topic with all its partitions.

    A leader that joined while the broker was away knows of no topics; Faust would assign what it
    knows, lanes would lack an input or all workers their partitions, and nobody would ask again.
    """

    def assign(self, cluster: ClusterMetadata, member_metadata: Mapping[str, Any]) -> Any:
        """Return the assignment by member; ends the process, to begin again, without a topic."""
        wanted = {topic for m in member_metadata.values() for topic in m.subscription}
        for topic in sorted(wanted):
            known = len(cluster.partitions_for_topic(topic) or ())
            if known != self.app.conf.topic_partitions:
                self.app.refuse(f"the broker shows {known} partitions of {topic} at this moment")
        return super().assign(cluster, member_metadata)

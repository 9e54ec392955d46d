"""The topics in Kafka: made once, refused when they do not fit."""

import pytest
from pipeline_lab import PipelineLab

from schemas.errors import RefusedStateError, UserError
from schemas.topics import TOPICS, topic_name
from streams.kafka_access import changelog_name, ensure_topics, stage_names


def test_what_is_there_is_left_alone(lab: PipelineLab) -> None:
    assert ensure_topics(lab.settings.kafka) == []


def test_every_topic_and_changelog_is_made(lab: PipelineLab) -> None:
    other = lab.settings.kafka.model_copy(update={"topic_prefix": f"{lab.prefix}.second"})
    expected = {topic_name(other.topic_prefix, short) for short in TOPICS}
    expected |= {changelog_name(other.topic_prefix, stage) for stage in stage_names()}
    assert set(ensure_topics(other)) == expected


def test_another_partition_count_is_refused_with_what_to_do(lab: PipelineLab) -> None:
    changed = lab.settings.kafka.model_copy(update={"partitions": 8})
    with pytest.raises(RefusedStateError, match=r"has 4 partitions.*is 8; set it to 4"):
        ensure_topics(changed)


def test_a_stage_refuses_it_too_and_is_not_started_again_and_again(lab: PipelineLab) -> None:
    kafka = lab.settings.kafka.model_copy(update={"partitions": 8})
    lab.settings = lab.settings.model_copy(update={"kafka": kafka})
    with lab.stages("join") as running, pytest.raises(UserError, match="has 4 partitions"):
        running.watch()

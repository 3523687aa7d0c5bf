from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from lobate.training.events import write_events


def test_tensorboard_reads_it_and_bytes_repeat(tmp_path):
    rows = [(10, "iou/validation", 0.25), (20, "iou/validation", 0.5), (20, "loss", 1.5)]
    one, other = tmp_path / "events.out.tfevents.a", tmp_path / "events.out.tfevents.b"
    write_events(one, rows)
    write_events(other, iter(rows))
    assert one.read_bytes() == other.read_bytes()
    events = [event for event in EventFileLoader(str(one)).Load() if event.summary.value]
    read = [(event.step, value.tag, value.tensor.float_val[0]) for event in events for value in event.summary.value]
    assert read == rows
    assert {event.wall_time for event in events} == {0}

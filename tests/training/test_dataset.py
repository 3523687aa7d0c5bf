import pickle
import threading
import time

import numpy as np
import pytest
import torch

from lobate.training.dataset import BatchSampler, PatchDataset, prefetch

SAMPLING = BatchSampler(batch_size=3, crop=32, scales=(1.0,), operations=("noise",), seeds=(1, 2))


@pytest.fixture
def patches():
    """Five patches of 40 px whose red is their number plus one; the third is only 20 x 30 px large."""
    array = np.zeros((5, 40, 40, 4), dtype=np.uint8)
    array[..., 0] = np.arange(1, 6)[:, None, None]
    array[2, 20:, :, 0] = array[2, :, 30:, 0] = 0
    array[2, 20:, :, 3] = array[2, :, 30:, 3] = 255
    places = [(0, row, 20 if row == 2 else 40, 30 if row == 2 else 40) for row in range(5)]
    return PatchDataset((array,), np.array(places))


def numbers(batch):
    """Which patches a batch holds, by their red."""
    return [int(image[0][label != 255][0]) - 1 for image, label in zip(batch.images, batch.labels, strict=True)]


def test_a_sample_is_without_its_padding(patches):
    image, mask = patches.sample(2)
    assert tuple(image.shape) == (3, 20, 30)
    assert tuple(mask.shape) == (20, 30)
    assert (image[0] == 3).all()
    assert (mask == 0).all()


def test_whole_patches_keep_it_and_lie_channels_last(patches):
    batch = patches.stack([1, 2])
    assert batch.images.shape == (2, 3, 40, 40)
    assert batch.images.is_contiguous(memory_format=torch.channels_last)
    assert batch.class_pixels == (1600 + 600, 0)
    small = batch.images[1, 0]
    assert (small[:20, :30] == 3).all()
    assert (small[20:] == 128).all(), "padding is grey, as in training, or the IoU would depend on it"
    assert (small[:, 30:] == 128).all()


def test_pixels_are_counted_by_patch(patches):
    assert patches.class_pixels().tolist() == [[n, 0] for n in (1600, 1600, 600, 1600, 1600)]


def test_a_subsample_is_spread_evenly(patches):
    assert patches.subsample(3).places[:, 1].tolist() == [0, 2, 4]
    assert len(patches.subsample(99)) == 5


def test_each_epoch_sees_every_patch_once_in_another_order(patches):
    never = np.zeros(5, dtype=bool)
    seen = [number for i in range(10) for number in numbers(SAMPLING.draw(patches, never, SAMPLING.positions(i)))]
    epochs = [tuple(seen[start : start + 5]) for start in range(0, 30, 5)]
    assert all(sorted(epoch) == [0, 1, 2, 3, 4] for epoch in epochs)
    assert len(set(epochs)) > 1


def test_a_batch_depends_on_its_number_alone(patches):
    always = np.ones(5, dtype=bool)
    batch = SAMPLING.draw(patches, always, SAMPLING.positions(7))
    SAMPLING.draw(patches, always, SAMPLING.positions(3))
    assert batch.images.equal(SAMPLING.draw(patches, always, SAMPLING.positions(7)).images)
    assert not batch.images.equal(SAMPLING.draw(patches, always, SAMPLING.positions(8)).images)


def test_only_positives_are_augmented(patches):
    positive = np.array([True, False, True, False, True])
    patches.arrays[0][positive, ..., 3] |= 1
    noisy = {True: 0, False: 0}
    for i in range(20):
        batch = SAMPLING.draw(patches, positive, SAMPLING.positions(i))
        for image, label in zip(batch.images, batch.labels, strict=True):
            noisy[bool((label == 1).any())] += bool(image[1][label != 255].any())  # green is 0 but for noise
    assert noisy[True] > 5
    assert noisy[False] == 0


def test_prefetch_keeps_the_order():
    numbers_in_order = prefetch(lambda n: time.sleep(0.002 * (n % 3)) or n, range(20))
    assert list(numbers_in_order) == list(range(20))


def test_prefetch_is_ahead_but_bounded():
    loaded = []
    batches = prefetch(lambda n: loaded.append(n) or n, range(100), depth=4)
    assert next(batches) == 0
    time.sleep(0.2)
    assert loaded == [0, 1, 2, 3, 4]
    batches.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("batch")]


def test_a_failure_in_a_thread_arrives():
    with pytest.raises(ZeroDivisionError):
        list(prefetch(lambda n: 1 // (2 - n), range(5)))


def test_threads_compute_alone_and_leave_the_rest_as_it_was():
    cores = torch.get_num_threads()
    assert set(prefetch(lambda _: torch.get_num_threads(), range(3))) == {1}
    assert torch.get_num_threads() == cores


def test_patches_travel_by_the_name_of_their_file(patches, tmp_path):
    np.save(tmp_path / "a.npy", patches.arrays[0])
    mapped = PatchDataset((np.load(tmp_path / "a.npy", mmap_mode="r"),), patches.places)
    pickled = pickle.dumps(mapped)
    assert len(pickled) < 2000 < mapped.arrays[0].nbytes
    unpickled = pickle.loads(pickled)
    assert isinstance(unpickled.arrays[0], np.memmap)
    assert unpickled.stack([3, 4]).images.equal(patches.stack([3, 4]).images)
    in_memory = pickle.loads(pickle.dumps(patches))
    assert np.array_equal(in_memory.arrays[0], patches.arrays[0])

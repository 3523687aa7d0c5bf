"""What is compiled answers alike; where nothing can compile, the network runs as it is and says so."""

import pytest
import torch

from lobate.network.compiled import compiled


def images():
    return torch.arange(48, dtype=torch.uint8).reshape(1, 3, 4, 4)


def network(images):
    return images.float().mean(1) / 255


def test_without_a_compiler_the_network_runs_as_it_is(monkeypatch, caplog):
    def broken(network, **options):
        def run(images):
            raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nmore")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    run = compiled(network)
    assert torch.equal(run(images()), network(images()))
    assert torch.equal(run(images()), network(images()))
    assert caplog.text.count("could not be compiled") == 1 and "No working C++ compiler" in caplog.text


def test_what_compiles_is_used_from_then_on(monkeypatch, caplog):
    calls = []

    def doubled(network, **options):
        return lambda images: calls.append(len(images)) or 2 * network(images)

    monkeypatch.setattr(torch, "compile", doubled)
    run = compiled(network)
    assert torch.equal(run(images()), 2 * network(images()))
    assert torch.equal(run(images()), 2 * network(images()))
    assert calls == [1, 1]


def test_short_memory_is_no_fault_of_the_compiler(monkeypatch):
    def short(network, **options):
        def run(images):
            raise torch.OutOfMemoryError("out of memory")

        return run

    monkeypatch.setattr(torch, "compile", short)
    with pytest.raises(torch.OutOfMemoryError):
        compiled(network)(images())

"""Fused and compiled networks give the same output; a network that cannot be fused or compiled runs as it is."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lobate.network.deeplab import build, set_output_stride
from lobate.network.inference_graph import compile_model, fuse_batch_norms
from lobate.settings.training import Network


def network(backbone, seed=1):
    model = build(Network(backbone=backbone, weights="none", aspp_channels=16, low_level_channels=8), seed=seed)
    generator = torch.Generator().manual_seed(seed)
    for norm in norms(model):
        norm.running_mean.normal_(0, 0.3, generator=generator)
        norm.running_var.uniform_(0.5, 2, generator=generator)
        nn.init.uniform_(norm.weight, 0.5, 1.5, generator=generator)
        nn.init.normal_(norm.bias, 0, 0.2, generator=generator)
    return model.eval()


def norms(model):
    return [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]


@pytest.mark.parametrize("backbone", ["mobilenetv2_050", "resnet18"])
@pytest.mark.parametrize("stride", [8, 16])
def test_the_answer_stays_and_no_norm_is_left(backbone, stride):
    model = network(backbone)
    set_output_stride(model, stride)
    images = torch.randint(0, 256, (1, 3, 64, 80), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    fused_model = fuse_batch_norms(model)
    with torch.inference_mode():
        expected, fused = model(images), fused_model(images)
    assert expected.std() > 1e-3
    torch.testing.assert_close(fused, expected, rtol=0, atol=1e-4 * expected.abs().max().item())
    assert norms(fused_model) == [] and len(norms(model)) > 20
    assert not any(module.training for module in fused_model.modules())


def test_a_convolution_that_others_read_too_keeps_its_norm(monkeypatch):
    model = network("resnet18")
    first = model.decoder.refine[0][0]

    class Both(nn.Module):
        """The norm's output plus its input: folding would change the latter."""

        def __init__(self, block):
            super().__init__()
            self.block = block

        def forward(self, features):
            plain = self.block[0](features)
            return self.block[1](plain) + plain

    model.decoder.refine[0][0] = Both(first)
    fused_model = fuse_batch_norms(model)
    assert fused_model is model
    assert len(norms(fused_model)) > 20


def images():
    return torch.arange(48, dtype=torch.uint8).reshape(1, 3, 4, 4)


def small_network(images):
    return images.float().mean(1) / 255


def test_without_a_compiler_the_network_runs_as_it_is(monkeypatch, caplog):
    def broken(small_network, **options):
        def run(images):
            raise RuntimeError("InvalidCxxCompiler: No working C++ compiler found\nmore")

        return run

    monkeypatch.setattr(torch, "compile", broken)
    run = compile_model(small_network)
    assert torch.equal(run(images()), small_network(images()))
    assert torch.equal(run(images()), small_network(images()))
    assert caplog.text.count("could not be compiled") == 1 and "No working C++ compiler" in caplog.text


def test_what_compiles_is_used_from_then_on(monkeypatch, caplog):
    calls = []

    def doubled(small_network, **options):
        return lambda images: calls.append(len(images)) or 2 * small_network(images)

    monkeypatch.setattr(torch, "compile", doubled)
    run = compile_model(small_network)
    assert torch.equal(run(images()), 2 * small_network(images()))
    assert torch.equal(run(images()), 2 * small_network(images()))
    assert calls == [1, 1]


def test_short_memory_is_no_fault_of_the_compiler(monkeypatch):
    def short(small_network, **options):
        def run(images):
            raise torch.OutOfMemoryError("out of memory")

        return run

    monkeypatch.setattr(torch, "compile", short)
    with pytest.raises(torch.OutOfMemoryError):
        compile_model(small_network)(images())

"""A backbone changes its stride with the weights it has, and takes weights from a file or says why not."""

import pytest
import timm
import torch
from safetensors.torch import save_file

from lobate.errors import UserError
from lobate.network import backbone as module
from lobate.network.backbone import Backbone, fetch_backbone, load_backbone

SMALL = "mobilenetv2_100"


def features(encoder, stride, side=96):
    encoder.eval().set_output_stride(stride)
    images = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        return encoder(images)


@pytest.mark.parametrize("name", [SMALL, "resnet18", "xception41"])
def test_stride_16_is_what_timm_makes_of_the_same_weights(name):
    encoder = Backbone(name, 3)
    theirs = timm.create_model(name, features_only=True, output_stride=16).eval()
    theirs.load_state_dict(encoder.net.state_dict(), strict=False)
    images = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    _, high = features(encoder, 16)
    with torch.inference_mode():
        torch.testing.assert_close(high, theirs(images)[-1])


@pytest.mark.parametrize("name", [SMALL, "resnet50"])
def test_every_second_feature_at_stride_8_is_the_feature_at_stride_16(name):
    encoder = Backbone(name, 3)
    low_16, high_16 = features(encoder, 16)
    low_8, high_8 = features(encoder, 8)
    assert high_8.shape[-2:] == (12, 12) and high_16.shape[-2:] == (6, 6)
    torch.testing.assert_close(low_8, low_16)
    torch.testing.assert_close(high_8[..., ::2, ::2], high_16, atol=1e-4, rtol=1e-4)
    _, again = features(encoder, 16)
    torch.testing.assert_close(again, high_16, atol=0, rtol=0)


def test_xception71_has_the_strides_and_dilations_of_the_reference():
    encoder = Backbone("xception71", 3)
    assert (encoder.low_channels, encoder.high_channels) == (256, 2048)

    def geometry(block):
        convs = [m for n, m in encoder.net.named_modules() if n.startswith(f"blocks_{block}.stack") and "conv_dw" in n]
        return convs[-1].stride[0], {conv.dilation[0] for conv in convs if conv.kernel_size[0] == 3}

    encoder.set_output_stride(16)
    assert [geometry(block) for block in (4, 5, 20, 21, 22)] == [(2, {1}), (1, {1}), (1, {1}), (1, {1}), (1, {2})]
    encoder.set_output_stride(8)
    assert [geometry(block) for block in (4, 5, 20, 21, 22)] == [(1, {1}), (1, {2}), (1, {2}), (1, {2}), (1, {4})]
    assert "blocks_4.shortcut.conv.weight" in encoder.net.state_dict()
    low, high = features(encoder, 16, side=64)
    assert low.shape == (1, 256, 16, 16) and high.shape == (1, 2048, 4, 4)


def test_a_name_that_timm_lacks_is_told_with_the_nearest():
    with pytest.raises(UserError, match="xception71"):
        Backbone("xception72", 3)


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "convnext_tiny", "vgg16"])
def test_what_cannot_be_dilated_is_refused(name):
    with pytest.raises(UserError, match="cannot be the encoder"):
        Backbone(name, 3)


@pytest.fixture
def weights(tmp_path):
    torch.manual_seed(5)
    state = timm.create_model(SMALL).state_dict()
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    return path, state


@pytest.mark.parametrize("kind", ["safetensors", "pth"])
def test_a_local_file_gives_the_backbone_its_weights(weights, tmp_path, kind, caplog):
    path, state = weights
    if kind == "pth":
        path = tmp_path / "weights.pth"
        torch.save({"state_dict": {f"module.{name}": tensor for name, tensor in state.items()}}, path)
    caplog.set_level("INFO", logger="lobate")
    encoder = load_backbone(SMALL, 3, path)
    assert torch.equal(encoder.net.state_dict()["blocks.3.0.conv_pw.weight"], state["blocks.3.0.conv_pw.weight"])
    assert "classifier.weight" in caplog.text


def test_more_channels_than_the_weights_have(weights):
    encoder = load_backbone(SMALL, 4, weights[0])
    assert encoder.net.state_dict()["conv_stem.weight"].shape[1] == 4


def test_weights_that_do_not_fit_are_a_mistake(weights, tmp_path):
    _, state = weights

    def written(changed, name="other.safetensors"):
        save_file(changed, tmp_path / name)
        return tmp_path / name

    lacking = {name: tensor for name, tensor in state.items() if name != "bn1.weight"}
    with pytest.raises(UserError, match=r"lacks bn1\.weight"):
        load_backbone(SMALL, 3, written(lacking))
    with pytest.raises(UserError, match=r"beyond the backbone, strange"):
        load_backbone(SMALL, 3, written({**state, "strange": torch.zeros(1)}))
    with pytest.raises(UserError, match=r"another shape bn1\.weight"):
        load_backbone(SMALL, 3, written({**state, "bn1.weight": torch.zeros(7)}))


def test_files_that_are_no_weights_are_a_mistake(tmp_path):
    cut, code, empty = tmp_path / "cut.safetensors", tmp_path / "code.pth", tmp_path / "empty.pth"
    cut.write_bytes(b"\x10\x00")
    torch.save({"state_dict": Backbone}, code)
    torch.save({"epoch": 3}, empty)
    for path, what in [
        (cut, "cannot be read"),
        (code, "cannot be read"),
        (empty, "no tensors"),
        (tmp_path / "no", "exist"),
    ]:
        with pytest.raises(UserError, match=what):
            load_backbone(SMALL, 3, path)


def test_a_hub_out_of_reach_names_file_place_and_setting(monkeypatch):
    real = module.timm.create_model

    def offline(*arguments, pretrained=False, **options):
        if pretrained:
            raise OSError("no route to the hub")
        return real(*arguments, **options)

    monkeypatch.setattr(module.timm, "create_model", offline)
    with pytest.raises(UserError) as caught:
        fetch_backbone("xception71", 3)
    for part in ("timm/xception71.tf_in1k", "model.safetensors", "resources/weights", "training.network.weights"):
        assert part in str(caught.value)


def test_the_decoders_tap_of_an_xception_lies_after_a_relu_of_about_half_of_the_values():
    """The reference's lies before it: a difference that docs/method.md lists."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net, images = Backbone("xception41", 3).train(), torch.randn(2, 3, 96, 96)
    shares = []

    def note_negative(module, inputs, output):
        shares.append((output < 0).float().mean().item())

    net.get_submodule("net.blocks_1.stack.conv2").register_forward_hook(note_negative)
    with torch.no_grad():
        low, _ = net(images)
    assert (low.shape[1], low.min().item()) == (256, 0)
    assert shares == [pytest.approx(0.5, abs=0.05)]

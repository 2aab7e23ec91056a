"""The super-networks M, E, D-121, R-50 and NAS-Bench-201, defined here a second time, in PyTorch alone.

    python networks.py FOLDER   # needs torch and safetensors

Writes FOLDER/NAME.safetensors for a narrow form of each: random weights and batch-norm statistics (`NODE.weight`, `NODE.bias`,
`NODE.running_mean`, `NODE.running_var`), random hard masks of the input channels (`NODE.mask`), images, and the logits in evaluation with the
masks (`logits`) and without (`whole`). Prints one line of JSON: for each network in full, its parameters, masked convolutions (with the
classifier where it is masked), masked channels and masked weights.

Writes also state dicts of torchvision's DenseNet and ResNet, restated here with torchvision's names, and the logits that they give:
FOLDER/densenet.pth, densenet-older.pth, densenet.safetensors, densenet-logits.safetensors, and the same of resnet. Where torchvision itself is
installed, its densenet121 and resnet50 write the same under their names, and the line of JSON has a key `torchvision`: its version.

A layer comes to be where it is first called: a network is its forward pass, written from the papers' description.
"""

import json
import re
import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn


class Layers:
    """The layers of one network by name, made when they are first called."""

    def __init__(self, device="cpu", seed=0):
        self.device, self.modules, self.masks, self.use_masks = device, {}, {}, True
        self.generator = torch.Generator().manual_seed(seed)

    def layer(self, name, make):
        if name not in self.modules:
            with torch.device(self.device):
                self.modules[name] = make().eval()
            if self.device == "cpu":
                for key, value in self.modules[name].state_dict().items():
                    if not value.is_floating_point():
                        continue
                    noise = torch.randn(value.shape, generator=self.generator)
                    if key == "running_var":
                        value.copy_(0.5 + noise.abs())
                    elif value.dim() > 1:
                        value.copy_(noise * (2.0 / value[0].numel()) ** 0.5)
                    elif key == "weight":
                        value.copy_(1.0 + 0.2 * noise)
                    else:
                        value.copy_(0.2 * noise)
        return self.modules[name]

    def gate(self, name, x):
        """x times the mask of a layer's input channels."""
        if name not in self.masks:
            self.masks[name] = (torch.rand(x.shape[1], generator=self.generator) < 0.7).float()
        if not self.use_masks or self.device != "cpu":
            return x
        return x * self.masks[name].view(1, -1, *[1] * (x.dim() - 2))

    def conv(self, name, x, out, kernel, stride=1, dilation=1, groups=1, masked=False):
        padding = dilation * (kernel - 1) // 2
        make = lambda: nn.Conv2d(x.shape[1], out, kernel, stride, padding, dilation, groups, bias=False)
        return self.layer(name, make)(self.gate(name, x) if masked else x)

    def norm(self, name, x):
        return self.layer(name, lambda: nn.BatchNorm2d(x.shape[1]))(x)

    def linear(self, name, x, out, masked=False, bias=True):
        return self.layer(name, lambda: nn.Linear(x.shape[1], out, bias))(self.gate(name, x) if masked else x)

    def skip(self, name, x, out, stride):
        """Two 1x1 convolutions of a sub-sampled map, the second one of the map moved by one pixel, under one batch norm."""
        moved = F.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        halves = [F.avg_pool2d(x, 1, stride), F.avg_pool2d(moved, 1, stride)]
        paths = [self.conv(f"{name}.path{n}", half, out // 2, 1, masked=True) for n, half in enumerate(halves, 1)]
        return self.norm(f"{name}.bn", torch.cat(paths, 1))


def shake_shake(layers, x, widths, blocks, stem=16, classes=10):
    x = layers.norm("stem.bn", layers.conv("stem.conv", x, stem, 3, masked=True))
    for stage, width in enumerate(widths, 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            path = f"stage{stage}.block{block}"
            branches = []
            for branch in range(2):
                name = f"{path}.branch{branch}"
                y = layers.norm(f"{name}.conv1.bn", layers.conv(f"{name}.conv1", F.relu(x), width, 3, stride, masked=True))
                y = layers.norm(f"{name}.conv2.bn", layers.conv(f"{name}.conv2", F.relu(y), width, 3, masked=True))
                branches.append(y)
            skip = x if x.shape[1] == width and stride == 1 else layers.skip(f"{path}.skip", x, width, stride)
            x = skip + 0.5 * branches[0] + 0.5 * branches[1]
    return layers.linear("head.linear", F.relu(x).mean((2, 3)), classes, masked=True)


NORMAL = [((0, "avg"), (0, 3)), ((0, "id"), (0, 5)), ((0, "id"), (1, 5)), ((1, 3), (0, 5)), ((0, "avg"), (1, 5))]
REDUCTION = [((1, 3), (1, 3)), ((0, "max"), (0, "avg")), ((1, 5), (3, 5)), ((1, 3), (0, "id")), ((0, "max"), (1, 5))]
WORDS = {"avg": "avgpool", "max": "maxpool", "id": "identity", 3: "sep3", 5: "sep5"}


def enas(layers, x, filters, normal, classes=10):
    def calibrated(name, x, width):
        return layers.norm(f"{name}.bn", layers.conv(f"{name}.conv", F.relu(x), width, 1, masked=True))

    def separable(name, x, width, kernel, stride):
        for number, stride in ((1, stride), (2, 1)):
            x = layers.conv(f"{name}.{number}.depthwise", F.relu(x), x.shape[1], kernel, stride, groups=x.shape[1])
            x = layers.norm(f"{name}.{number}.bn", layers.conv(f"{name}.{number}.pointwise", x, width, 1, masked=True))
        return x

    x = layers.norm("stem.bn", layers.conv("stem.conv", x, 3 * filters, 3, masked=True))
    before, width = x, filters
    for cell in range(1, 3 * normal + 3):
        reduces = cell in (normal + 1, 2 * normal + 2)
        width *= 2 if reduces else 1
        name = f"cell{cell}"
        first, second = before, x
        if first.shape[2] != second.shape[2]:
            first = layers.skip(f"{name}.input0", F.relu(first), width, 2)
        elif first.shape[1] != width:
            first = calibrated(f"{name}.input0", first, width)
        if second.shape[1] != width:
            second = calibrated(f"{name}.input1", second, width)
        nodes = [first, calibrated(f"{name}.base", second, width)]
        table = REDUCTION if reduces else NORMAL
        for target, pair in enumerate(table, 2):
            terms = []
            for side, (source, op) in zip(("left", "right"), pair):
                y, stride = nodes[source], 2 if reduces and source < 2 else 1
                path = f"{name}.node{target}.{side}.{WORDS[op]}"
                if op == "avg":
                    y = F.avg_pool2d(y, 3, stride, 1, count_include_pad=False)
                elif op == "max":
                    y = F.max_pool2d(y, 3, stride, 1)
                elif op == "id":
                    y = layers.skip(path, y, width, 2) if stride == 2 else y
                else:
                    y = separable(path, y, width, op, stride)
                terms.append(y)
            nodes.append(terms[0] + terms[1])
        read = {source for pair in table for source, _ in pair}
        before, x = x, torch.cat([nodes[node] for node in range(2, 7) if node not in read], 1)
    return layers.linear("head.linear", F.relu(x).mean((2, 3)), classes, masked=True, bias=False)


def stem(layers, x, width, kernel, stride, pool):
    x = F.relu(layers.norm("stem.bn", layers.conv("stem.conv", x, width, kernel, stride)))
    return F.max_pool2d(x, 3, 2, 1) if pool else x


def densenet(layers, x, first, growth, bottleneck, depths, classes, imagenet):
    def masked_1x1(name, x, width):
        return layers.conv(f"{name}.conv1", F.relu(layers.norm(f"{name}.conv1.bn", x)), width, 1, masked=True)

    x = stem(layers, x, first, *((7, 2, True) if imagenet else (3, 1, False)))
    for block, depth in enumerate(depths, 1):
        for layer in range(1, depth + 1):
            name = f"dense{block}.layer{layer}"
            y = F.relu(layers.norm(f"{name}.conv2.bn", masked_1x1(name, x, bottleneck * growth)))
            x = torch.cat([x, layers.conv(f"{name}.conv2", y, growth, 3, masked=True)], 1)
        if block < len(depths):
            x = F.avg_pool2d(masked_1x1(f"transition{block}", x, x.shape[1] // 2), 2)
    return layers.linear("head.linear", F.relu(layers.norm("head.bn", x)).mean((2, 3)), classes)


def resnet(layers, x, planes, depths, classes, imagenet):
    def conv_norm(name, x, width, stride=1):
        return layers.norm(f"{name}.bn", layers.conv(name, x, width, 1, stride))

    x = stem(layers, x, planes, *((7, 2, True) if imagenet else (3, 1, False)))
    for stage, depth in enumerate(depths, 1):
        width = planes * 2 ** (stage - 1)
        for block in range(1, depth + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}.block{block}"
            y = F.relu(conv_norm(f"{name}.conv1", x, width))
            kernels = [("conv1", 1, 1), ("conv3", 3, 1), ("conv3d2", 3, 2), ("conv5d2", 5, 2)]
            maps = [layers.conv(f"{name}.conv2.{key}", y, width // 4, k, stride, d, masked=True) for key, k, d in kernels]
            y = conv_norm(f"{name}.conv3", F.relu(layers.norm(f"{name}.conv2.bn", torch.cat(maps, 1))), 4 * width)
            changes = stride == 2 or x.shape[1] != 4 * width
            x = F.relu(y + (conv_norm(f"{name}.skip", x, 4 * width, stride) if changes else x))
    return layers.linear("head.linear", x.mean((2, 3)), classes)


def nasbench201(layers, x, channels, cells, classes=10):
    def relu_conv_norm(name, x, width, kernel, stride=1, masked=False):
        return layers.norm(f"{name}.bn", layers.conv(name, F.relu(x), width, kernel, stride, masked=masked))

    x = layers.norm("stem.bn", layers.conv("stem.conv", x, channels, 3))
    for stage in range(1, 4):
        width = channels * 2 ** (stage - 1)
        if stage > 1:
            name = f"stage{stage}.reduce"
            y = relu_conv_norm(f"{name}.conv2", relu_conv_norm(f"{name}.conv1", x, width, 3, 2), width, 3)
            x = layers.conv(f"{name}.skip.conv", F.avg_pool2d(x, 2), width, 1) + y
        for cell in range(1, cells + 1):
            nodes = [x]
            for target in range(1, 4):
                total = 0
                for source in range(target):
                    y, name = nodes[source], f"stage{stage}.cell{cell}.edge{source}-{target}"
                    for kernel in (1, 3):
                        path = f"{name}.conv{kernel}"
                        total = total + layers.norm(f"{path}.bn", layers.conv(f"{path}.conv", F.relu(y), width, kernel, masked=True))
                    pooled = F.avg_pool2d(layers.gate(f"{name}.avgpool", y), 3, 1, 1, count_include_pad=False)
                    total = total + pooled + layers.gate(f"{name}.identity", y) + 0 * layers.gate(f"{name}.none", y)
                nodes.append(total)
            x = nodes[3]
    return layers.linear("head.linear", F.relu(layers.norm("head.bn", x)).mean((2, 3)), classes)


# Name, definition, image, numbers of the narrow form, image, numbers in full.
NETWORKS = {
    "supnet-m": (shake_shake, (3, 16, 16), dict(widths=[6, 12, 24], blocks=2, stem=8), (3, 32, 32), dict(widths=[96, 192, 384], blocks=4)),
    "supnet-e": (enas, (3, 16, 16), dict(filters=4, normal=1), (3, 32, 32), dict(filters=36, normal=5)),
    "supnet-d121": (
        densenet, (3, 32, 32), dict(first=8, growth=4, bottleneck=2, depths=[2, 3, 3, 2], classes=10, imagenet=False),
        (3, 224, 224), dict(first=64, growth=32, bottleneck=4, depths=[6, 12, 24, 16], classes=1000, imagenet=True),
    ),
    "supnet-r50": (
        resnet, (3, 32, 32), dict(planes=8, depths=[2, 1, 2], classes=10, imagenet=True),
        (3, 224, 224), dict(planes=64, depths=[3, 4, 6, 3], classes=1000, imagenet=True),
    ),
    "nasbench201": (nasbench201, (3, 16, 16), dict(channels=4, cells=2), (3, 32, 32), dict(channels=16, cells=5)),
}


class DenseLayer(nn.Module):
    """torchvision's layer of a DenseNet, attribute for attribute."""

    def __init__(self, inputs, growth, bottleneck):
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, bottleneck * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(bottleneck * growth), nn.Conv2d(bottleneck * growth, growth, 3, padding=1, bias=False)

    def forward(self, x):
        return torch.cat([x, self.conv2(F.relu(self.norm2(self.conv1(F.relu(self.norm1(x))))))], 1)


class DenseNet(nn.Module):
    """torchvision's DenseNet with its names."""

    def __init__(self, first, growth, bottleneck, depths, classes):
        super().__init__()
        self.features = nn.Sequential()
        self.features.add_module("conv0", nn.Conv2d(3, first, 7, 2, 3, bias=False))
        self.features.add_module("norm0", nn.BatchNorm2d(first))
        self.features.add_module("relu0", nn.ReLU())
        self.features.add_module("pool0", nn.MaxPool2d(3, 2, 1))
        width = first
        for number, depth in enumerate(depths, 1):
            block = nn.Sequential()
            for layer in range(1, depth + 1):
                block.add_module(f"denselayer{layer}", DenseLayer(width, growth, bottleneck))
                width += growth
            self.features.add_module(f"denseblock{number}", block)
            if number < len(depths):
                transition = nn.Sequential()
                transition.add_module("norm", nn.BatchNorm2d(width))
                transition.add_module("relu", nn.ReLU())
                transition.add_module("conv", nn.Conv2d(width, width // 2, 1, bias=False))
                transition.add_module("pool", nn.AvgPool2d(2, 2))
                self.features.add_module(f"transition{number}", transition)
                width //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(width))
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        return self.classifier(F.relu(self.features(x)).mean((2, 3)))


class Bottleneck(nn.Module):
    """torchvision's bottleneck of a ResNet, attribute for attribute."""

    def __init__(self, inputs, planes, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2, self.bn2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.downsample = None
        if stride != 1 or inputs != 4 * planes:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes))

    def forward(self, x):
        y = F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))))
        return F.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """torchvision's ResNet with its names."""

    def __init__(self, planes, depths, classes):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, planes, 7, 2, 3, bias=False), nn.BatchNorm2d(planes)
        inputs = planes
        for stage, depth in enumerate(depths):
            width = planes * 2**stage
            blocks = []
            for block in range(depth):
                blocks.append(Bottleneck(inputs, width, 2 if stage > 0 and block == 0 else 1))
                inputs = 4 * width
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.stages = len(depths)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, self.stages + 1):
            x = getattr(self, f"layer{stage}")(x)
        return self.fc(x.mean((2, 3)))


def write_state_dict(folder, name, network):
    """A state dict as files of each kind, and the logits that it gives."""
    generator = torch.Generator().manual_seed(len(name))
    for key, value in network.state_dict().items():
        if key.endswith("running_var"):
            value.copy_(0.5 + torch.rand(value.shape, generator=generator))
        elif value.dim() == 1:
            value.add_(0.2 * torch.randn(value.shape, generator=generator))
    network.eval()
    images = torch.randn(4, 3, 64, 64, generator=generator)
    with torch.no_grad():
        save_file({"images": images, "logits": network(images)}, folder / f"{name}-logits.safetensors")
    state = network.state_dict()
    save_file(state, folder / f"{name}.safetensors")
    torch.save(state, folder / f"{name}.pth")
    # As published files of DenseNet are: the older container, and a point more in the names of the layers' parts.
    older = {re.sub(r"(denselayer\d+\.(?:norm|conv))(\d)", r"\1.\2", key): value for key, value in state.items()}
    torch.save(older, folder / f"{name}-older.pth", _use_new_zipfile_serialization=False)


def state_dicts(folder):
    write_state_dict(folder, "densenet", DenseNet(8, 4, 2, [2, 3, 2], 10))
    write_state_dict(folder, "resnet", ResNet(8, [1, 2], 10))
    try:
        import torchvision
    except ImportError:
        return None
    for name in ("densenet121", "resnet50"):
        write_state_dict(folder, name, getattr(torchvision.models, name)(weights=None))
    return torchvision.__version__


def main(folder):
    version = state_dicts(folder)
    counts = {} if version is None else {"torchvision": version}
    torch.manual_seed(0)
    for name, (network, shape, numbers, full_shape, full_numbers) in NETWORKS.items():
        layers, images = Layers(seed=len(name)), torch.randn(4, *shape)
        with torch.no_grad():
            logits = network(layers, images, **numbers)
            layers.use_masks = False
            whole = network(layers, images, **numbers)
        arrays = {"images": images, "logits": logits, "whole": whole}
        for path, module in layers.modules.items():
            arrays |= {f"{path}.{key}": value.contiguous() for key, value in module.state_dict().items() if value.is_floating_point()}
        arrays |= {f"{path}.mask": mask for path, mask in layers.masks.items()}
        save_file(arrays, folder / f"{name}.safetensors")

        layers = Layers("meta")
        network(layers, torch.zeros(1, *full_shape, device="meta"), **full_numbers)
        kernels = [layers.modules[path].weight for path in layers.masks if path in layers.modules]
        counts[name] = {
            "parameters": sum(value.numel() for module in layers.modules.values() for value in module.parameters()),
            "masked_nodes": len(layers.masks),
            "masked_channels": sum(len(mask) for mask in layers.masks.values()),
            "masked_weights": sum(kernel.numel() for kernel in kernels),
        }
    print(json.dumps(counts))


if __name__ == "__main__":
    main(Path(sys.argv[1]))

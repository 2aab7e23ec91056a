"""A training step of a super-network in PyTorch, written from the graph that benches/training_step.rs sends.

    training_step.py eager|channels_last|compile [DEVICE] [tf32]

DEVICE is PyTorch's name of one, such as cuda or cuda:1; cpu where none is given. With `tf32` products of `f32` may be taken in TF32. The first line of standard input is the network as JSON; it is answered with the milliseconds of a first step. Then `STEPS THREADS`
is answered with the milliseconds of a step, and `memory` with the largest memory of the process in MB, on a GPU with that of its tensors.
The step is the method's:
relaxed masks on the input channels, cross-entropy, the KL term, clipping, SGD with Nesterov momentum on weights and logits. Shake-shake noise
and drop-path are not drawn: the branches are averaged, as in an evaluation.
"""

import json
import math
import resource
import sys
import time

import torch
import torch.nn.functional as F


class SuperNetwork(torch.nn.Module):
    """Convolutions, batch norms and masks of the graph; weights of each group are counted in the KL term."""

    def __init__(self, spec):
        super().__init__()
        self.spec = spec
        self.layers = torch.nn.ModuleDict()
        shapes = [None] * len(spec["nodes"])
        group_of = [g for g, size in enumerate(spec["groups"]) for _ in range(size)]
        self.register_buffer("group_of", torch.tensor(group_of, dtype=torch.long))
        self.register_buffer("bits", torch.tensor(spec["groups"], dtype=torch.float32))
        p = spec["initial_drop"]
        self.logits = torch.nn.Parameter(torch.full((len(spec["groups"]),), math.log(p / (1 - p))))
        for index, node in enumerate(spec["nodes"]):
            channels = shapes[node["inputs"][0]] if node["inputs"] else 0
            out = node["channels"]
            shapes[index] = out
            if node["op"] == "conv":
                kernel, stride, dilation, groups = node["settings"]
                self.layers[str(index)] = torch.nn.Conv2d(
                    channels, out, kernel, stride, dilation * (kernel - 1) // 2, dilation, groups, bias=False
                )
            elif node["op"] == "batch norm":
                self.layers[str(index)] = torch.nn.BatchNorm2d(out, spec["epsilon"], 1 - spec["decay"])
            elif node["op"] == "linear":
                self.layers[str(index)] = torch.nn.Linear(channels, out)

    def forward(self, x):
        spec = self.spec
        noise = torch.rand(x.shape[0], self.group_of.numel(), device=x.device).clamp_(1e-7, 1 - 1e-7).logit_()
        keep = torch.sigmoid((noise + self.logits[self.group_of]) / -spec["temperature"])
        values = [x]
        for index, node in enumerate(spec["nodes"][1:], 1):
            inputs = [values[i] for i in node["inputs"]]
            y = inputs[0]
            if node["mask"]:
                start, end = node["mask"]
                y = y * keep[:, start:end, None, None]
            op = node["op"]
            if str(index) in self.layers:
                y = self.layers[str(index)](y.flatten(1) if op == "linear" else y)
            elif op == "ReLU":
                y = F.relu(y)
            elif op == "add":
                y = inputs[0]
                for other in inputs[1:]:
                    y = y + other
            elif op == "concat":
                y = torch.cat(inputs, 1)
            elif op in ("average pool", "max pool"):
                _, kernel, stride = node["settings"]
                padding = (kernel - 1) // 2 if kernel % 2 else 0
                pool = F.max_pool2d if op == "max pool" else lambda y, *a: F.avg_pool2d(y, *a, count_include_pad=False)
                y = pool(y, kernel, stride, padding)
            elif op == "global average pool":
                y = y.mean((2, 3), keepdim=True)
            elif op == "shift":
                y = F.pad(y, (0, 1, 0, 1))[:, :, 1:, 1:]
            elif op == "zero":
                y = torch.zeros_like(y)
            elif op == "shake":
                y = y / node["settings"][0]
            elif op not in ("identity", "drop-path"):
                raise SystemExit(f"the reference does not know {op}")
            values.append(y)
        return values[-1].flatten(1)

    def divergence(self):
        """The KL term, method.md 1.3."""
        spec = self.spec
        squares = torch.zeros(len(spec["groups"]), device=self.logits.device)
        for index, node in enumerate(spec["nodes"]):
            if node["mask"] and node["op"] in ("conv", "linear"):
                weight = self.layers[str(index)].weight
                start, end = node["mask"]
                groups = node["settings"][3] if node["op"] == "conv" else 1
                per_input = weight.view(groups, weight.shape[0] // groups, weight.shape[1], -1).square().sum((1, 3)).flatten()
                squares = squares.index_add(0, self.group_of[start:end], per_input)
        p = torch.sigmoid(self.logits)
        u = spec["prior_drop"]
        entropy = p * (p / u).log() + (1 - p) * ((1 - p) / (1 - u)).log()
        return (spec["weight"] * ((1 - p) * squares).sum() + spec["entropy"] * (self.bits * entropy).sum()) / spec["n_effective"]


def main():
    layout, *others = sys.argv[1:]
    device = torch.device(next((word for word in others if word != "tf32"), "cpu"))
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = "tf32" in others
    spec = json.loads(sys.stdin.readline())
    torch.manual_seed(1)
    model = SuperNetwork(spec).to(device)
    images = torch.randn(spec["batch"], *spec["input"]).to(device)
    labels = (torch.arange(spec["batch"]) % spec["classes"]).to(device)
    if layout == "channels_last":
        model, images = model.to(memory_format=torch.channels_last), images.to(memory_format=torch.channels_last)

    def loss_of(images, labels):
        return F.cross_entropy(model(images), labels) + model.divergence()

    if layout == "compile":
        loss_of = torch.compile(loss_of)
    weights = [parameter for name, parameter in model.named_parameters() if name != "logits"]
    groups = [{"params": weights}, {"params": [model.logits], "lr": spec["learning_rate"] * spec["multiplier"]}]
    optimiser = torch.optim.SGD(groups, lr=spec["learning_rate"], momentum=spec["momentum"], nesterov=True, foreach=True)
    parameters = list(model.parameters())

    def finish():
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    def steps(count):
        finish()
        begun = time.perf_counter()
        for _ in range(count):
            optimiser.zero_grad(set_to_none=True)
            loss_of(images, labels).backward()
            if spec["clip"] > 0:
                torch.nn.utils.clip_grad_norm_(parameters, spec["clip"], foreach=True)
            optimiser.step()
        finish()
        return (time.perf_counter() - begun) * 1e3 / count

    torch.set_num_threads(1)
    print(steps(1), flush=True)
    for line in sys.stdin:
        if line.strip() == "memory":
            resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            print(torch.cuda.max_memory_allocated(device) / 1e6 if device.type == "cuda" else resident, flush=True)
        else:
            count, threads = map(int, line.split())
            torch.set_num_threads(threads)
            print(steps(count), flush=True)


main()

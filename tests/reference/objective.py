"""Reference numbers for the training objective, its gradients and its optimiser.

Prints JSON: `python objective.py > objective.json`. Everything is computed in float64 by PyTorch's autograd;
every input is a multiple of 1/1024, so a float32 program starts from exactly the same numbers.

The objective, p_g = sigmoid(logit_g) being the drop probability of mask group g with K_g input channels:

    loss = mean cross-entropy
         + sum_g (L_w / N) (1 - p_g) S_g
         + sum_g (L_d / N) K_g [ p ln p + (1 - p) ln(1 - p) - p ln u - (1 - p) ln(1 - u) ]

S_g is the sum of squares of the kernel slices of the group's input channels (0 for a weight-free operation). The last
bracket is KL(Bernoulli(p) || Bernoulli(u)), u being the prior drop probability; with u = 1/2 it is the entropy
term of the published objective plus the constant ln 2. Depthwise kernels, batch norm and the linear layer have no term.

The mask, per image and input channel, from one uniform number v, without rescaling:

    keep = 1 - sigmoid((logit + ln v - ln(1 - v)) / tau)
"""

import json
import math

import torch
import torch.nn.functional as F

torch.set_num_threads(1)
torch.set_default_dtype(torch.float64)

CLASSES, BATCH_NORM_EPSILON, LENGTH_SCALE_ENTROPY = 3, 1e-5, 1.0
SHAPES = {
    "conv1.weight": [4, 3, 3, 3],
    "bn1.gamma": [4],
    "bn1.beta": [4],
    "conv_a.weight": [4, 4, 1, 1],
    "bn_a.gamma": [4],
    "bn_a.beta": [4],
    "sep_d.depthwise.weight": [4, 1, 3, 3],
    "sep_d.pointwise.weight": [4, 4, 1, 1],
    "bn_d.gamma": [4],
    "bn_d.beta": [4],
    "linear.weight": [CLASSES, 4],
    "linear.bias": [CLASSES],
}
# Group: (masked operation, first and one-past-last input channel, the kernel it prices or None).
GROUPS = {
    "g0": ("conv1", 0, 3, "conv1.weight"),
    "g1": ("conv_a", 0, 2, "conv_a.weight"),
    "g2": ("conv_a", 2, 4, "conv_a.weight"),
    "g3": ("pool_b", 0, 4, None),
    "g4": ("max_c", 0, 4, None),
    "g5": ("sep_d", 0, 4, "sep_d.pointwise.weight"),
}
LOGITS = [-2.0, -0.75, 0.5, -1.25, 0.25, 1.5]
MASKED_CHANNELS = {"conv1": 3, "conv_a": 4, "pool_b": 4, "max_c": 4, "sep_d": 4}


def on_grid(tensor):
    """Rounded to multiples of 1/1024: exact in float32 and short in print."""
    return (tensor * 1024).round() / 1024


def draw_parameters(generator):
    parameters = {}
    for name, shape in SHAPES.items():
        centre = 1.0 if name.endswith("gamma") else 0.0
        parameters[name] = on_grid(centre + 0.35 * torch.randn(shape, generator=generator))
    return parameters


def draw_uniforms(generator, batch):
    """One number strictly inside (0, 1) per image and masked input channel."""
    draw = lambda channels: (torch.randint(0, 512, [batch, channels], generator=generator) * 2 + 1) / 1024
    return {name: draw(channels) for name, channels in MASKED_CHANNELS.items()}


def keep_mask(operation, logits, uniforms, tau):
    channel_logits = torch.empty(0)
    for index, (owner, first, end, _) in enumerate(GROUPS.values()):
        if owner == operation:
            channel_logits = torch.cat([channel_logits, logits[index].expand(end - first)])
    v = uniforms[operation]
    keep = 1 - torch.sigmoid((channel_logits + v.log() - (1 - v).log()) / tau)
    return keep[:, :, None, None]


def batch_norm(x, gamma, beta):
    """Batch statistics, biased variance; returns them too."""
    mean = x.mean([0, 2, 3])
    variance = ((x - mean[:, None, None]) ** 2).mean([0, 2, 3])
    normalised = (x - mean[:, None, None]) / (variance[:, None, None] + BATCH_NORM_EPSILON).sqrt()
    return normalised * gamma[:, None, None] + beta[:, None, None], mean.detach(), variance.detach()


def assert_off_kinks(x, masked):
    """A float32 program must fall on the same side of every ReLU and choose the same maximum."""
    assert x.abs().min() > 1e-5, "a ReLU input is too near 0: change the seed"
    windows = F.unfold(masked, 3, padding=1).reshape(*masked.shape[:2], 9, -1).topk(2, dim=2).values
    first, second = windows[:, :, 0], windows[:, :, 1]
    assert ((first - second) / first)[first > 0].min() > 1e-5, "two maxima nearly tie: change the seed"


def forward(x, parameters, logits, uniforms, tau):
    """Network logits [batch, classes] and bn1's batch mean and variance."""
    w = parameters
    mask = lambda operation: keep_mask(operation, logits, uniforms, tau)
    conv1 = F.conv2d(x * mask("conv1"), w["conv1.weight"], padding=1)
    bn1, mean, variance = batch_norm(conv1, w["bn1.gamma"], w["bn1.beta"])
    relu1 = bn1.relu()
    conv_a, _, _ = batch_norm(F.conv2d(relu1 * mask("conv_a"), w["conv_a.weight"]), w["bn_a.gamma"], w["bn_a.beta"])
    pool_b = F.avg_pool2d(relu1 * mask("pool_b"), 3, 1, 1, count_include_pad=False)
    max_c = F.max_pool2d(relu1 * mask("max_c"), 3, 1, 1)
    depthwise = F.conv2d(relu1, w["sep_d.depthwise.weight"], padding=1, groups=4)
    pointwise = F.conv2d(depthwise * mask("sep_d"), w["sep_d.pointwise.weight"])
    sep_d, _, _ = batch_norm(pointwise, w["bn_d.gamma"], w["bn_d.beta"])
    total = conv_a + pool_b + max_c + sep_d
    assert_off_kinks(bn1.detach(), (relu1 * mask("max_c")).detach())
    assert_off_kinks(total.detach(), (relu1 * mask("max_c")).detach())
    features = total.relu().mean([2, 3])
    return features @ w["linear.weight"].T + w["linear.bias"], mean, variance


def kl_terms(parameters, logits, setting):
    """The two parts of the regulariser: weight decay and the divergence of p from the prior."""
    u, scale = setting["prior_drop"], 1 / setting["n_effective"]
    weight, entropy = torch.zeros(()), torch.zeros(())
    for logit, (_, first, end, kernel) in zip(logits, GROUPS.values()):
        p = torch.sigmoid(logit)
        if kernel is not None:
            weight = weight + scale * setting["length_scale"] * (1 - p) * (parameters[kernel][:, first:end] ** 2).sum()
        divergence = p * F.logsigmoid(logit) + (1 - p) * F.logsigmoid(-logit) - p * math.log(u) - (1 - p) * math.log(1 - u)
        entropy = entropy + scale * LENGTH_SCALE_ENTROPY * (end - first) * divergence
    return weight, entropy


def evaluate(x, labels, parameters, logits, uniforms, setting):
    outputs, mean, variance = forward(x, parameters, logits, uniforms, setting["tau"])
    cross_entropy = F.cross_entropy(outputs, labels)
    weight, entropy = kl_terms(parameters, logits, setting)
    return outputs, cross_entropy, weight, entropy, mean, variance


def leaf(tensor):
    return tensor.clone().requires_grad_(True)


def number(value):
    """A float or a one-element tensor, to 13 significant digits."""
    return float(f"{torch.as_tensor(value).item():.13g}")


def numbers(tensor):
    return [number(value) for value in tensor.detach().reshape(-1)]


def dump(tensors):
    return {name: {"shape": list(t.shape), "values": numbers(t)} for name, t in tensors.items()}


def gradients(x, labels, start, uniforms, setting):
    parameters = {name: leaf(value) for name, value in start.items()}
    logits = leaf(torch.tensor(LOGITS))
    outputs, cross_entropy, weight, entropy, _, _ = evaluate(x, labels, parameters, logits, uniforms, setting)
    loss = cross_entropy + weight + entropy
    loss.backward()
    return {
        **setting,
        "logits": numbers(outputs),
        "cross_entropy": number(cross_entropy),
        "kl_weight": number(weight),
        "kl_prior": number(entropy),
        "kl": number(weight + entropy),
        "loss": number(loss),
        "drop_logit_gradient": numbers(logits.grad),
        "weight_gradients": {name: numbers(value.grad) for name, value in parameters.items()},
    }


def train(x, labels, start, generator, steps):
    setting = {"tau": 0.2, "prior_drop": 0.9, "length_scale": 1.0, "n_effective": 100.0}
    rate, arch_lr_mult, momentum, clip, decay = 0.05, 4.0, 0.9, 0.5, 0.9
    parameters = {name: leaf(value) for name, value in start.items()}
    logits = leaf(torch.tensor(LOGITS))
    optimiser = torch.optim.SGD(
        [{"params": list(parameters.values())}, {"params": [logits], "lr": rate * arch_lr_mult}],
        lr=rate, momentum=momentum, dampening=0, nesterov=True,
    )
    running_mean, running_variance = torch.zeros(4), torch.ones(4)
    trace = []
    for _ in range(steps):
        uniforms = draw_uniforms(generator, len(labels))
        optimiser.zero_grad()
        _, cross_entropy, weight, entropy, mean, variance = evaluate(x, labels, parameters, logits, uniforms, setting)
        loss = cross_entropy + weight + entropy
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([*parameters.values(), logits], clip)
        optimiser.step()
        running_mean = decay * running_mean + (1 - decay) * mean
        running_variance = decay * running_variance + (1 - decay) * variance
        trace.append({
            "uniforms": dump(uniforms),
            "cross_entropy": number(cross_entropy),
            "loss": number(loss),
            "gradient_norm_before_clip": number(norm),
            "drop_logits_after": numbers(logits),
        })
    assert min(s["gradient_norm_before_clip"] for s in trace) < clip < max(s["gradient_norm_before_clip"] for s in trace), \
        "the steps should show both a clipped and an untouched gradient"
    sgd = {
        **setting,
        "learning_rate": rate, "arch_lr_mult": arch_lr_mult, "momentum": momentum, "nesterov": True, "clip_norm": clip,
        "steps": trace,
        "final_drop_logits": numbers(logits),
        "final_weights": {name: numbers(parameters[name]) for name in ("conv1.weight", "linear.bias")},
    }
    statistics = {
        "layer": "bn1", "decay": decay, "variance": "biased", "initial_mean": 0.0, "initial_variance": 1.0,
        "running_mean": numbers(running_mean), "running_variance": numbers(running_variance),
    }
    return sgd, statistics


def main():
    generator = torch.Generator().manual_seed(SEED)
    x = on_grid(0.5 * torch.randn([4, 3, 6, 6], generator=generator))
    labels = torch.tensor([0, 1, 2, 1])
    start = draw_parameters(generator)
    uniforms = draw_uniforms(generator, len(labels))
    settings = [
        {"tau": tau, "prior_drop": u, "length_scale": scale, "n_effective": n}
        for tau in (0.2, 2 / 3) for u in (0.5, 0.9) for scale in (1.0, 100.0) for n in (100.0, 1100.0)
    ]
    results = [gradients(x, labels, start, uniforms, setting) for setting in settings]
    sgd, statistics = train(x, labels, start, generator, steps=5)
    groups = {
        name: {"operation": owner, "channels": [first, end], "kernel": kernel, "drop_logit": logit}
        for (name, (owner, first, end, kernel)), logit in zip(GROUPS.items(), LOGITS)
    }
    report = {
        "torch": torch.__version__.split("+")[0],
        "seed": SEED,
        "input": {"shape": list(x.shape), "values": numbers(x)},
        "labels": labels.tolist(),
        "weights": dump(start),
        "groups": groups,
        "uniforms": dump(uniforms),
        "batch_norm_epsilon": BATCH_NORM_EPSILON,
        "entropy_scale": LENGTH_SCALE_ENTROPY,
        "settings": results,
        "sgd": sgd,
        "batch_norm": statistics,
    }
    text = json.dumps(report, indent=1)
    print(join_number_lists(text))


def join_number_lists(text):
    """Lists of numbers on one line, so that the file can be read and its changes reviewed."""
    lines, inside = [], None
    for line in text.splitlines():
        stripped = line.strip()
        if inside is not None:
            inside.append(stripped)
            if stripped.startswith("]"):
                lines.append("".join(inside))
                inside = None
        elif stripped.endswith("[") and not stripped.startswith(("\"settings\"", "\"steps\"")):
            inside = [line]
        else:
            lines.append(line)
    return "\n".join(lines)


SEED = 4

if __name__ == "__main__":
    main()

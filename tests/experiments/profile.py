"""Counts the samples of `perf script` on standard input by what a step of training did, see profile.sh."""

import collections
import re
import sys

# What a sample was for: the first of these that any of its frames names.
OPERATIONS = [
    ("masks: noise and relaxation", r"Objective::(draw|relax)|Trainer::(masks|per_node)"),
    ("masks: gradient of the logits", r"Objective::logit_gradient"),
    ("KL term", r"Objective::(kl_gradient|squared_norms)"),
    ("optimiser, clipping", r"optimiser::|descent::"),
    ("masks: their gradient", r"batch::unmask|mask::.*[Uu]nmask"),
    ("masks: gates on anything but convolutions", r"batch::masked|Walk::gate|kernels::mask::"),
    ("pools", r"pool_m(ean|ax)|max_pool::"),
    ("batch norm with its ReLU", r"moments::|batch_norm::"),
    ("depthwise convolutions", r"depthwise::"),
    ("convolutions, gradient of the kernel", r"weight_gradient"),
    ("convolutions, gradient of the input", r"input_gradient"),
    ("convolutions, forward", r"dense::|conv::"),
    ("images: reading, augmentation", r"feed::|data::"),
    ("additions, reductions, views and the tape", r"burn_|interpreter::|Gradients|rayon"),
]
CLEARED = r"^(__memset|clear_page|folio_zero)"


def samples(lines):
    """The frames of each sample, leaf first."""
    frames = []
    for line in lines:
        if re.match(r"\s+[0-9a-f]+ ", line):
            frames.append(line.split(maxsplit=1)[1])
        elif not line.strip() and frames:
            yield frames
            frames = []
    if frames:
        yield frames


def operation(frames):
    return next((name for name, pattern in OPERATIONS if any(re.search(pattern, frame) for frame in frames)), "the rest")


counts, cleared, total = collections.Counter(), 0, 0
for frames in samples(sys.stdin):
    counts[operation(frames)] += 1
    cleared += bool(re.search(CLEARED, frames[0]))
    total += 1
if not total:
    sys.exit("no samples: is perf allowed to record here?")
print("| operation | share of the samples, % |\n|---|---|")
for name, count in counts.most_common():
    print(f"| {name} | {100 * count / total:.1f} |")
print(f"\n{total} samples; {100 * cleared / total:.1f} % of them were clearing memory, whatever for.")

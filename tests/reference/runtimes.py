"""Runs an export in ONNX Runtime and in PyTorch on given images and compares with this program's logits.

    python runtimes.py FOLDER   # model.onnx, model.py, model.safetensors, images.safetensors (images, logits, labels)

Prints one line of JSON: the largest logit difference and the images right in each runtime, and whether the module can be trained on.
"""

import gzip
import importlib.util
import json
import os
import re
import sys
import types
from pathlib import Path

import numpy
import onnx
import onnxruntime
import torch
from safetensors.numpy import load_file

folder = Path(sys.argv[1])
given = load_file(folder / "images.safetensors")
images, ours, labels = given["images"], given["logits"], given["labels"].astype(int)
scale = max(1.0, float(numpy.abs(ours).max()))

model = onnx.load(folder / "model.onnx")
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
(theirs,) = session.run(None, {"images": images})
(single,) = session.run(None, {"images": images[:1]})

spec = importlib.util.spec_from_file_location("model", folder / "model.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
torch.set_num_threads(2)
network = module.load(str(folder / "model.safetensors"))
with torch.no_grad():
    # In pieces: the module keeps every map of a pass to its end, which of a thousand images is gigabytes.
    torchs = torch.cat([network(piece) for piece in torch.from_numpy(images).split(100)]).numpy()


def without_scikit():
    """What the README of an export needs of scikit-learn, where that is not installed: the digits, which the program has in its own file."""
    packed = Path(__file__).parents[2] / "src/data/embedded/digits.gz"
    records = numpy.frombuffer(gzip.open(packed).read(), "uint8").reshape(-1, 65)
    bunch = types.SimpleNamespace(images=records[:, 1:].reshape(-1, 8, 8).astype(float), target=records[:, 0].astype(int))
    sys.modules["sklearn"] = types.ModuleType("sklearn")
    sys.modules["sklearn.datasets"] = types.SimpleNamespace(load_digits=lambda: bunch)


# What the README of an export says, done as it says it, from the images to the count of those that are right.
snippets, pixels, counted = [], None, []
if (folder / "README.md").exists():
    stands_in = importlib.util.find_spec("sklearn") is None
    if stands_in:
        without_scikit()
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    mean, deviation = (numpy.float32(each).reshape(1, -1, 1, 1) for each in (module.MEAN, module.DEVIATION))
    readme = (folder / "README.md").read_text()
    count = re.search(r"`(\(\w+\.argmax\(1\) == labels\)\.sum\(\))`", readme).group(1)
    scope = {}
    for snippet in re.findall(r"```python\n(.*?)```", readme, re.S):
        exec(snippet, scope)
        if "logits" not in scope:
            pixels = float(numpy.abs(scope["pixels"] - (images * deviation + mean)).max())
            continue
        scope["logits"] = numpy.asarray(scope["logits"])
        snippets.append(float(numpy.abs(scope["logits"] - ours).max()) / scale)
        counted.append(int(eval(count, scope)))
    if stands_in:
        # PyTorch looks for it, too, and must find that it is not there.
        del sys.modules["sklearn"], sys.modules["sklearn.datasets"]

right = lambda logits: int((logits.argmax(1) == labels).sum())
network.train()
optimiser = torch.optim.SGD(network.parameters(), lr=0.01)
losses = []
for _ in range(5):
    loss = torch.nn.functional.cross_entropy(network(torch.from_numpy(images[:64])), torch.from_numpy(labels[:64]))
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    losses.append(loss.item())

print(json.dumps({
    "onnx": float(numpy.abs(theirs - ours).max()) / scale,
    "onnx_single": float(numpy.abs(single - ours[:1]).max()) / scale,
    "torch": float(numpy.abs(torchs - ours).max()) / scale,
    "snippets": snippets,
    "pixels": pixels,
    "counted": counted,
    "right": [right(ours), right(theirs), right(torchs)],
    "losses": losses,
    "metadata": {entry.key: entry.value for entry in model.metadata_props},
    "versions": [onnxruntime.__version__, torch.__version__],
}))

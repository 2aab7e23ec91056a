"""Runs an export in ONNX Runtime and in PyTorch on given images and compares with this program's logits.

    python runtimes.py FOLDER   # model.onnx, model.py, model.safetensors, images.safetensors (images, logits, labels)

Prints one line of JSON: the largest logit difference and the images right in each runtime, and whether the module can be trained on.
"""

import importlib.util
import json
import os
import re
import sys
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

# What the README of an export says, done as it says it, on pixels.
snippets = []
if (folder / "README.md").exists():
    os.chdir(folder)
    sys.path.insert(0, str(folder))
    mean, deviation = (numpy.float32(each).reshape(1, -1, 1, 1) for each in (module.MEAN, module.DEVIATION))
    for snippet in re.findall(r"```python\n(.*?)```", (folder / "README.md").read_text(), re.S):
        scope = {"pixels": images * deviation + mean}
        exec(snippet, scope)
        snippets.append(float(numpy.abs(numpy.asarray(scope["logits"]) - ours).max()) / scale)

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
    "right": [right(ours), right(theirs), right(torchs)],
    "losses": losses,
    "metadata": {entry.key: entry.value for entry in model.metadata_props},
    "versions": [onnxruntime.__version__, torch.__version__],
}))

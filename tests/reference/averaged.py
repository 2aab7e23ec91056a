"""Runs an exported ensemble in ONNX Runtime on given images and compares with this program's shares of the classes.

    python averaged.py FOLDER   # model.onnx, images.safetensors (images, shares)

Prints one line of JSON: the largest difference of a share, for all images at once and for one.
"""

import json
import sys
from pathlib import Path

import numpy
import onnx
import onnxruntime
from safetensors.numpy import load_file

folder = Path(sys.argv[1])
given = load_file(folder / "images.safetensors")
model = onnx.load(folder / "model.onnx")
onnx.checker.check_model(model, full_check=True)
session = onnxruntime.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
(theirs,) = session.run(["probabilities"], {"images": given["images"]})
(single,) = session.run(None, {"images": given["images"][:1]})
print(json.dumps({
    "all": float(numpy.abs(theirs - given["shares"]).max()),
    "single": float(numpy.abs(single - given["shares"][:1]).max()),
    "sums": float(numpy.abs(theirs.sum(1) - 1).max()),
}))

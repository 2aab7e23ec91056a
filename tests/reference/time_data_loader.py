"""Images a second of PyTorch's DataLoader with two workers: `time_data_loader.py cifar10|jpeg224 PATH`.

The transforms are torchvision's, written out: for CIFAR-10 pad-and-crop, flip, normalise and cutout 16 on tensors (faster than its
own way through Pillow); for JPEG folders resize 256, random-resized crop 224, flip, normalise. Needs torch, numpy, Pillow."""

import math
import pathlib
import random
import sys
import time

import numpy
import torch
from torch.utils.data import DataLoader, Dataset

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
DEVIATION = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)


class Cifar(Dataset):
    def __init__(self, root):
        records = [numpy.fromfile(path, numpy.uint8).reshape(-1, 3073) for path in sorted(pathlib.Path(root).glob("data_batch_*.bin"))]
        records = numpy.concatenate(records)
        self.labels = records[:, 0].astype(numpy.int64)
        self.images = torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy())

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = (self.images[index].float() / 255 - MEAN) / DEVIATION
        padded = torch.nn.functional.pad(image, (4, 4, 4, 4))
        top, left = random.randrange(9), random.randrange(9)
        image = padded[:, top:top + 32, left:left + 32]
        if random.random() < 0.5:
            image = image.flip(2)
        image = image.contiguous()
        y, x = random.randrange(32), random.randrange(32)
        image[:, max(0, y - 8):y + 8, max(0, x - 8):x + 8] = 0
        return image, self.labels[index]


class Jpegs(Dataset):
    def __init__(self, root):
        from PIL import Image
        self.open = Image.open
        self.bilinear = Image.BILINEAR
        self.mirror = Image.FLIP_LEFT_RIGHT
        classes = sorted(path for path in pathlib.Path(root).iterdir() if path.is_dir())
        self.files = [(path, label) for label, folder in enumerate(classes) for path in sorted(folder.rglob("*.jpg"))]

    def __len__(self):
        return len(self.files)

    def crop(self, width, height):
        area = width * height
        for _ in range(10):
            target = area * random.uniform(0.08, 1)
            ratio = math.exp(random.uniform(math.log(3 / 4), math.log(4 / 3)))
            w, h = round(math.sqrt(target * ratio)), round(math.sqrt(target / ratio))
            if 0 < w <= width and 0 < h <= height:
                left, top = random.randint(0, width - w), random.randint(0, height - h)
                return left, top, left + w, top + h
        return 0, 0, width, height

    def __getitem__(self, index):
        path, label = self.files[index]
        image = self.open(path).convert("RGB")
        width, height = image.size
        size = (256, 256 * height // width) if width <= height else (256 * width // height, 256)
        image = image.resize(size, self.bilinear)
        image = image.crop(self.crop(*image.size)).resize((224, 224), self.bilinear)
        if random.random() < 0.5:
            image = image.transpose(self.mirror)
        pixels = torch.from_numpy(numpy.array(image)).permute(2, 0, 1).contiguous()
        return (pixels.float() / 255 - MEAN) / DEVIATION, label


def main():
    torch.set_num_threads(1)
    kind, root = sys.argv[1:]
    data, batch = (Cifar(root), 128) if kind == "cifar10" else (Jpegs(root), 32)
    loader = DataLoader(data, batch_size=batch, shuffle=True, drop_last=True, num_workers=2, persistent_workers=True)
    # The workers are started before the clock: one epoch to warm up where it is short.
    next(iter(loader))
    begun = time.perf_counter()
    images = sum(len(labels) for _, labels in loader)
    print(images / (time.perf_counter() - begun))


if __name__ == "__main__":
    main()

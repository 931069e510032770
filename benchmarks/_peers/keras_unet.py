"""Keras' example "Image segmentation with a U-Net-like architecture" (Oxford pets), on the torch backend.

Xception-style U-Net, RMSprop 1e-3, sparse cross-entropy, no augmentation, images in 0..255, squeezed. Void
is left out by the loss's ignore_class. Batches of the task's size, not 32, so that there are more steps.
The loss is given the pixels as rows: with images, Keras 3.15 on torch 2.15 stops at the first backward pass
on a CPU ("grad_input must be contiguous"). Its value is the same.
"""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from _peers.task import Clock, Predict, Task


def train(task: Task, steps: int, clock: Clock) -> Predict:
    os.environ["KERAS_BACKEND"] = "torch"
    import keras

    keras.utils.set_random_seed(task.seed)
    net = build(task)
    net.compile(optimizer="rmsprop", loss=loss(len(task.classes)))
    clock.start()
    net.fit(batches(task, steps), epochs=1, verbose=0, callbacks=[stopping(clock)])

    def predict(image: Tensor) -> Tensor:
        small = F.interpolate(image[None].float(), task.size, mode="bilinear", antialias=True)
        with torch.no_grad():
            return net(small.permute(0, 2, 3, 1), training=False)[0].permute(2, 0, 1)

    return predict


def loss(number: int) -> Any:
    """Cross-entropy of probabilities (N, H, W, K) and classes (N, H, W, 1), void left out."""
    import keras

    rows = keras.losses.SparseCategoricalCrossentropy(ignore_class=255)

    def over_pixels(truth: Any, scores: Any) -> Any:
        return rows(keras.ops.reshape(truth, (-1,)), keras.ops.reshape(scores, (-1, number)))

    return over_pixels


def build(task: Task) -> Any:
    """The net of the example."""
    import keras
    from keras import layers

    def normal(x: Any) -> Any:
        return layers.BatchNormalization()(x)

    inputs = keras.Input((*task.size, 3))
    x = layers.Activation("relu")(normal(layers.Conv2D(32, 3, strides=2, padding="same")(inputs)))
    previous = x
    for filters in (64, 128, 256):
        for _ in range(2):
            x = layers.Activation("relu")(x)
            x = normal(layers.SeparableConv2D(filters, 3, padding="same")(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.add([x, layers.Conv2D(filters, 1, strides=2, padding="same")(previous)])
        previous = x
    for filters in (256, 128, 64, 32):
        for _ in range(2):
            x = layers.Activation("relu")(x)
            x = normal(layers.Conv2DTranspose(filters, 3, padding="same")(x))
        x = layers.UpSampling2D(2)(x)
        x = layers.add([x, layers.Conv2D(filters, 1, padding="same")(layers.UpSampling2D(2)(previous))])
        previous = x
    scores = layers.Conv2D(len(task.classes), 3, activation="softmax", padding="same")(x)
    return keras.Model(inputs, scores)


def batches(task: Task, steps: int) -> Any:
    """The example's Sequence, which is called PyDataset now."""
    import keras

    order = task.sequence(steps * task.batch)

    class Files(keras.utils.PyDataset):
        def __len__(self) -> int:
            return steps

        def __getitem__(self, index: int) -> tuple[Any, Any]:
            load, files = keras.utils.load_img, order[index * task.batch : (index + 1) * task.batch]
            images = [np.asarray(load(image, target_size=task.size), "float32") for image, _ in files]
            masks = [
                np.asarray(load(mask, color_mode="grayscale", target_size=task.size)) for _, mask in files
            ]
            return np.stack(images), np.stack(masks)[..., None]

    return Files(workers=max(1, task.workers))  # threads, as by default


def stopping(clock: Clock) -> Any:
    """A callback that ticks and stops."""
    import keras

    class Stopping(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_training = clock.tick()

    return Stopping()

"""Notebook 05: from a classifier to a fully convolutional network, trained live."""

from seglib.course.content.checks05 import (
    as_convolution,
    bilinear_kernel,
    check_as_convolution,
    check_bilinear_kernel,
    check_fuse,
    fuse,
)
from seglib.course.content.steps05 import check_predict_mask, check_train_step, predict_mask, train_step
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

LESSON = Lesson(
    id="05_fcn",
    title="From a classifier to every pixel",
    minutes=90,
    question="A network names a thousand things and has never seen a mask. Does it know where the cat is?",
    needs="Notebook 02: mIoU and Boundary IoU. You have trained some network before.",
    budgets={"tiny": Budget(90, 2500), "laptop": Budget(600, 3000), "gpu": Budget(600, 6000)},
    objectives=[
        Objective(
            "05.a", "say why a fully connected layer fixes the input size, and turn it into a convolution"
        ),
        Objective("05.b", "enlarge coarse scores bilinearly and add a skip, for any size of image"),
        Objective("05.c", "write a training step that leaves void out, and watch a net learn"),
        Objective(
            "05.d", "measure what skips, pre-training and fine-tuning are worth, with a boundary measure"
        ),
        Objective("05.e", "segment an image of any size, and say why evaluation mode matters"),
    ],
    predictions={
        "05.p1": Prediction(
            "The classifier looks at 224 x 224 pixels, and its window moves in steps of 32. "
            "Over 448 x 448 pixels, how many places does it score?",
            unit="places",
            high=256,
        ),
        "05.p2": Prediction(
            "From FCN-32s, trained as long, to FCN-8s: which measure gains more points?",
            choices=("mIoU", "Boundary IoU", "about the same"),
        ),
        "05.p3": Prediction(
            "The same net, as many seconds as FCN-8s had in all, from random weights. What is its mIoU?",
            unit="%",
        ),
    },
    exercises={
        "05.1": Exercise(
            title="The surgery",
            minutes=8,
            check=check_as_convolution,
            reference=as_convolution,
            hints=[
                "A fully connected layer weighs each of C * h * w numbers. Which kernel does so there?",
                "nn.Conv2d(channels, linear.out_features, (height, width)). Its weight has the shape "
                "(outputs, channels, height, width); the layer's has (outputs, channels * height * width).",
                "conv.weight.data = linear.weight.data.reshape(conv.weight.shape), and the bias as it is.",
            ],
            meets=["05.a"],
            difficulty=2,
        ),
        "05.2": Exercise(
            title="A pyramid",
            minutes=6,
            check=check_bilinear_kernel,
            reference=bilinear_kernel,
            hints=[
                "Make one roof first: 1 at the middle, straight down to 0 just outside.",
                "The middle lies at (size - 1) / 2; from there to the first 0 it is (size + 1) // 2 steps.",
                "slope = 1 - distance / reach in one dimension; the kernel is slope[:, None] * slope.",
            ],
            meets=["05.b"],
            difficulty=2,
        ),
        "05.3": Exercise(
            title="The skip",
            minutes=5,
            check=check_fuse,
            reference=fuse,
            hints=[
                "Both are scores for the same classes. The coarse ones only need to become as large.",
                "Make them exactly as large as the fine ones, which may be 5 x 7, not always twice.",
                'interpolate(coarse, size=fine.shape[2:], mode="bilinear") + fine',
            ],
            meets=["05.b"],
        ),
        "05.4": Exercise(
            title="One step of training",
            minutes=8,
            check=check_train_step,
            reference=train_step,
            mutates=True,
            hints=[
                "Five lines: mode, loss, forget the old gradients, backward, step.",
                "cross_entropy(logits, masks.long(), ignore_index=255) leaves void out.",
                "net.train(); loss = ...; optimiser.zero_grad(); loss.backward(); optimiser.step(); "
                "and return loss.item().",
            ],
            meets=["05.c"],
            difficulty=2,
        ),
        "05.5": Exercise(
            title="Bug clinic: never the same mask twice",
            minutes=5,
            check=check_predict_mask,
            reference=predict_mask,
            mutates=True,
            hints=[
                "Which two kinds of layers do something else in training than afterwards?",
                "Drop-out throws numbers away at random. Batch norm takes mean and variance from the "
                "images at hand, and learns from all it sees.",
                "net.eval() before you predict, and torch.no_grad() around it.",
            ],
            meets=["05.e"],
        ),
    },
    quiz=[
        Item(
            "A classifier ends in Flatten and Linear(512 * 7 * 7, 1000). A larger image is an error. Why?",
            [
                "convolutions need a fixed size",
                "the layer has one weight for each of 512 * 7 * 7 numbers",
                "pooling needs a fixed size",
            ],
            answer=1,
            reasons=[
                "A convolution slides: it takes any size.",
                "A larger image makes a larger map, and the layer has no weights for the rest of it.",
                "Pooling slides too.",
            ],
            meets=["05.a"],
        ),
        Item(
            "After the surgery the net gives a map of 8 x 8 scores. How many new weights did it need?",
            ["none", "64 times as many", "one per pixel"],
            answer=0,
            reasons=[
                "The same weights, used at 64 places.",
                "The weights are shared between places; that is what a convolution is.",
                "The number of weights does not depend on the image.",
            ],
            meets=["05.a"],
        ),
        Item(
            "Why does FCN start its new score layers at zero?",
            [
                "to save memory",
                "so that a new skip changes nothing at first",
                "because zeros train faster",
            ],
            answer=1,
            reasons=[
                "Zeros take as much room as other numbers.",
                "What the coarse net knows stays; the skip earns its weight.",
                "It is about where training starts, not how fast a zero is.",
            ],
            meets=["05.b"],
        ),
        Item(
            "The loss falls, and every void rim becomes background in the predictions. What is likely?",
            [
                "void was counted as class 0",
                "the learning rate is too low",
                "the net needs a skip",
            ],
            answer=0,
            reasons=[
                "Then the net was taught, at every rim, that it is background.",
                "That would slow down everything, not the rims.",
                "A skip sharpens rims; it does not know about void.",
            ],
            meets=["05.c"],
        ),
        Item(
            "FCN-8s was trained for 60 s more than FCN-32s, and is better. Did the skips do it?",
            ["yes", "no", "that cannot be told"],
            answer=2,
            reasons=[
                "Or the 60 s did.",
                "Or the skips did.",
                "Train FCN-32s for the same 60 s: the compute-matched control.",
            ],
            meets=["05.d"],
        ),
        Item(
            "In training mode, a net's mask of one image depends on",
            ["that image alone", "that image and its batch", "nothing"],
            answer=1,
            reasons=[
                "That is evaluation mode.",
                "Batch norm takes mean and variance over the batch.",
                "It would be a poor net.",
            ],
            meets=["05.e"],
        ),
    ],
)

"""Notebook 02: how a mask is judged, and how each number can lie."""

from seglib.course.content.checks02 import (
    check_confusion,
    check_dataset_miou,
    check_iou_and_dice,
    check_mean_of_present,
    confusion,
    dataset_miou,
    iou_and_dice,
    mean_of_present,
)
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

LESSON = Lesson(
    id="02_metrics",
    title="When 99 % is worthless",
    minutes=45,
    question="A segmenter is right on 99 % of all pixels. Would you buy it?",
    needs="Notebook 01: label maps and void.",
    budgets={"tiny": Budget(90, 1500), "laptop": Budget(120, 1500), "gpu": Budget(120, 1500)},
    objectives=[
        Objective("02.a", "count a confusion matrix from a prediction and a mask, leaving void out"),
        Objective(
            "02.b", "compute IoU and Dice from the matrix, and say why pixel accuracy can hide a missed class"
        ),
        Objective("02.c", "tell a data-set mIoU from a mean over images, and predict when they differ"),
        Objective(
            "02.d", "name what a score does with absent classes, and spot a score that gains from them"
        ),
        Objective("02.e", "show by experiment why mIoU needs a boundary measure beside it"),
    ],
    predictions={
        "02.p1": Prediction(
            "What pixel accuracy does a segmenter get that calls every pixel background?", unit="%"
        ),
        "02.p2": Prediction(
            "Shave two pixels off the rim of every object. Which number falls most?",
            choices=("pixel accuracy", "mIoU", "Dice", "Boundary IoU"),
        ),
        "02.p3": Prediction(
            "The same predictions, two ways to average. Which mIoU is larger?",
            choices=("mean over images", "whole data set", "they are equal"),
        ),
        "02.p4": Prediction(
            "The truth itself, stored at one pixel in 8 x 8 and enlarged again. What is its mIoU?", unit="%"
        ),
    },
    exercises={
        "02.1": Exercise(
            title="Count the confusion",
            minutes=7,
            check=check_confusion,
            reference=confusion,
            hints=[
                "Every pixel is a pair (true class, predicted class). Void has no true class: drop it.",
                "Give each pair one number: true * num_classes + predicted, from 0 to num_classes² - 1.",
                "torch.bincount(numbers, minlength=num_classes**2) counts them; reshape makes the matrix. "
                "uint8 overflows at 256: call .long() before you multiply.",
            ],
            meets=["02.a"],
            difficulty=2,
        ),
        "02.2": Exercise(
            title="IoU and Dice",
            minutes=6,
            check=check_iou_and_dice,
            reference=iou_and_dice,
            hints=[
                "For class k: the diagonal holds what truth and prediction share. "
                "Its row is all of the truth, its column all that was predicted.",
                "In either mask = row + column - shared. In PyTorch 0 / 0 is NaN, which is what you want.",
                "IoU = shared / (row + column - shared); Dice = 2 * shared / (row + column).",
            ],
            meets=["02.b"],
        ),
        "02.3": Exercise(
            title="One number for many images",
            minutes=6,
            check=check_dataset_miou,
            reference=dataset_miou,
            hints=[
                "An image of 20 pixels should not weigh as much as one of 400.",
                "Confusion matrices can be added. Do it for all images, then divide once.",
                "sum(confusion(pred, mask, num_classes) for pred, mask in pairs), "
                "then the IoUs, then a mean that skips NaN.",
            ],
            meets=["02.c"],
            difficulty=2,
        ),
        "02.4": Exercise(
            title="Bug clinic: the score that likes empty classes",
            minutes=6,
            check=check_mean_of_present,
            reference=mean_of_present,
            hints=[
                "What is the IoU of a class that is in neither mask? What does the code make of it?",
                "0 / 0 is NaN: no answer. `nan_to_num(1.0)` turns no answer into a perfect one.",
                "There is a mean that skips NaN: Tensor.nanmean().",
            ],
            meets=["02.d"],
            difficulty=2,
        ),
    },
    quiz=[
        Item(
            "Road fills 90 % of every image. A net predicts road everywhere. "
            "With 10 classes that all occur, what is its mIoU, about?",
            ["90 %", "50 %", "9 %", "0 %"],
            answer=2,
            reasons=[
                "That is its pixel accuracy. mIoU gives each class the same vote.",
                "There are ten votes, not two.",
                "IoU of road .9, of nine others 0: mean .09.",
                "Road itself is found: its IoU is .9.",
            ],
            meets=["02.b"],
        ),
        Item(
            "Ten images hold 5 bicycle pixels each, one holds 5000. Your net finds only the large bicycle. "
            "Which score of the class bicycle is higher?",
            ["data-set IoU", "mean of the images' IoUs", "both are the same"],
            answer=0,
            reasons=[
                "5000 of 5050 pixels are found: about .99. Per image it is one success in eleven.",
                "Ten of the eleven images score 0.",
                "They agree only when images weigh alike.",
            ],
            meets=["02.c"],
        ),
        Item(
            "Two papers report the mIoU of the same predictions: .54 and .46. Both computed correctly. "
            "What should you ask first?",
            [
                "Which GPU was used?",
                "What was done with classes that are absent from an image, and was it per image?",
                "How many epochs were trained?",
            ],
            answer=1,
            reasons=[
                "The predictions are the same. The machine cannot matter.",
                "Absent classes may be dropped, or count as 0 or 1, per image or once. That moves points.",
                "The predictions are the same. Training is over.",
            ],
            meets=["02.d"],
        ),
        Item(
            "A net's masks are 3 pixels too fat all around. On large objects, which measure shows it most?",
            ["pixel accuracy", "mIoU", "Boundary IoU"],
            answer=2,
            reasons=[
                "The rim of a large object is a small share of all pixels.",
                "The inside of a large object carries its IoU.",
                "It looks only at a thin band along the outline, where everything went wrong.",
            ],
            meets=["02.e"],
        ),
        Item(
            "A mask has 100 pixels, 20 of them void. How many pixels does the confusion matrix count?",
            ["100", "80", "it depends on the prediction"],
            answer=1,
            reasons=[
                "A void pixel has no true class, so it has no row.",
                "Whatever is predicted there, right or wrong cannot be said.",
                "Void is a property of the truth alone.",
            ],
            meets=["02.a"],
        ),
    ],
)

"""Notebook 03: what a net is fed. Balance, blur, faults, and what labels cost."""

from seglib.course.content.checks03 import (
    check_count_classes,
    check_delivery,
    check_edge_blur,
    check_median_frequency,
    check_shrink,
    count_classes,
    edge_blur,
    median_frequency,
    shrink,
)
from seglib.course.content.delivery import FAULTS
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

LESSON = Lesson(
    id="03_data",
    title="What the net is fed",
    minutes=60,
    question="Every class gets the same number of images. Is the data set balanced?",
    needs="Notebook 02: the confusion matrix and mIoU.",
    budgets={"tiny": Budget(90, 1500), "laptop": Budget(180, 1500), "gpu": Budget(180, 1500)},
    objectives=[
        Objective("03.a", "count a class in pixels, images and objects, and say what each count hides"),
        Objective(
            "03.b", "compute median-frequency weights, and say what weights and samplers cannot balance"
        ),
        Objective("03.c", "find blurred images without throwing a class away"),
        Objective(
            "03.d", "audit a data set, tell a fault from an oddity, and keep classes whole in a resize"
        ),
        Objective("03.e", "turn seconds per box and per mask into a labelling budget"),
    ],
    predictions={
        "03.p1": Prediction(
            "Draw images so that every class is drawn equally often. "
            "What share of the pixels is seahorse then?",
            unit="%",
        ),
        "03.p2": Prediction(
            "Inverse frequency gives the seahorse how many times the weight of the background?",
            unit="times",
            low=1,
            high=1000,
        ),
        "03.p3": Prediction(
            "The variance of the Laplacian ranks the album. Which images does it call the most blurred?",
            choices=("the blurred, noisy ones", "the calm, sharp ones", "the ordinary ones"),
        ),
        "03.p4": Prediction("How many boxes can you draw in the time for one mask?", unit="boxes", high=50),
    },
    exercises={
        "03.1": Exercise(
            title="Count what is known",
            minutes=6,
            check=check_count_classes,
            reference=count_classes,
            hints=[
                "Void is no class: take it out before you count.",
                "torch.bincount(values, minlength=num_classes) counts one mask. Do it for each, and stack.",
                "rows is (images, classes). Pixels: rows.sum(0). Images: how many rows are above 0?",
            ],
            meets=["03.a"],
        ),
        "03.2": Exercise(
            title="Median frequency by hand",
            minutes=8,
            check=check_median_frequency,
            reference=median_frequency,
            hints=[
                "The frequency of a class is a quotient. Above: its pixels. "
                "Below: all pixels of the images that contain it.",
                "(pixels > 0) says which image contains which class; "
                "pixels.sum(1, keepdim=True) is the size of each image.",
                "around = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0); "
                "then median of the frequencies / frequencies.",
            ],
            meets=["03.b"],
            difficulty=2,
        ),
        "03.3": Exercise(
            title="Blurred, not smooth",
            minutes=9,
            check=check_edge_blur,
            reference=edge_blur,
            hints=[
                "A sharp edge loses much of its slope when it is blurred once more. A blurred one has little "
                "to lose: coarse / fine is near 1.",
                "Flat sand has no edges, so do not ask it. Take the steepest 2 % of the pixels: "
                "coarse >= coarse.quantile(0.98).",
                "Of the ratios there, take a low one, for example quantile(0.1): one edge in focus is enough "
                "to acquit an image.",
            ],
            meets=["03.c"],
            difficulty=3,
        ),
        "03.4": Exercise(
            title="Sort the delivery",
            minutes=7,
            check=check_delivery,
            reference=set(FAULTS),
            hints=[
                "Everything the report calls wrong must be mended or go. Start with those.",
                "'Look' is for you: look at the image and its mask together. Do they belong together?",
                "Five names. One pool that the report mentions is fine.",
            ],
            meets=["03.d"],
        ),
        "03.5": Exercise(
            title="Bug clinic: the urchins that nobody drew",
            minutes=5,
            check=check_shrink,
            reference=shrink,
            hints=[
                "Which values can the mean of a shell and the background take?",
                "Class indices are names. Names cannot be averaged; they can only be copied.",
                'interpolate(..., mode="nearest") copies one pixel.',
            ],
            meets=["03.d"],
        ),
    },
    quiz=[
        Item(
            "Each of ten classes is in exactly 100 of 400 images. What is balanced?",
            ["pixels", "images", "objects", "all three"],
            answer=1,
            reasons=[
                "A seahorse has fewer pixels than a jellyfish, whatever the number of images.",
                "Images that contain the class: 100 each. Pixels and objects are another matter.",
                "An image may hold one crab or five.",
                "Only what was counted is balanced.",
            ],
            meets=["03.a"],
        ),
        Item(
            "A class fills 1 % of every image. A sampler shows images with it ten times as often. "
            "Which share of the seen pixels is it now?",
            ["10 %", "about 5 %", "1 %"],
            answer=2,
            reasons=[
                "The class comes with 99 % of other pixels, each time.",
                "It is in every image: nothing is shown more often beside the others.",
                "A sampler chooses images. Inside an image it changes nothing; a weight in the loss does.",
            ],
            meets=["03.b"],
        ),
        Item(
            "You drop the tenth of street images with the least detail. The bicyclists lose four tenths of "
            "their pixels. What has happened?",
            [
                "bicyclists move, so they are blurred",
                "the cut chose by what is in an image, not by its focus",
                "nothing: a tenth is a tenth",
            ],
            answer=1,
            reasons=[
                "Perhaps. Then the images around them would be sharp; look at what was dropped.",
                "Little detail can be bad focus, a smooth wall or dusk. The class shift shows that it chose.",
                "A tenth of the images, and four tenths of one class.",
            ],
            meets=["03.c"],
        ),
        Item(
            "An audit finds one photograph in train and test. What does it make of the test score?",
            ["too low", "too high", "nothing, it is one image"],
            answer=1,
            reasons=[
                "An image that was learnt is no harder in the test.",
                "The net has seen the answer. How much too high grows with the number of such images.",
                "One image moves it little. The rule by which it got there may have moved more.",
            ],
            meets=["03.d"],
        ),
        Item(
            "A box costs 7 s, a mask 79 s. You have two hours. Which sentence is true?",
            [
                "about 1000 boxes or about 90 masks",
                "about 90 boxes or about 1000 masks",
                "about 500 of either",
            ],
            answer=0,
            reasons=[
                "7200 s / 7 s and 7200 s / 79 s. Whether 1000 boxes beat 90 masks: notebook 07.",
                "The box is the cheap one.",
                "They do not cost the same.",
            ],
            meets=["03.e"],
        ),
    ],
)

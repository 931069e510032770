"""Notebook 04: regions first, then names: proposals, two features, a linear SVM."""

from seglib.course.content.checks04 import (
    check_corners,
    check_foreground,
    check_hard_negatives,
    check_merge,
    check_paste,
    corners,
    foreground,
    hard_negatives,
    merge_most_similar,
    paste,
)
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

LESSON = Lesson(
    id="04_regions",
    title="Regions first, then names",
    minutes=75,
    question="A classifier names whole images. Can it segment one, if somebody cuts the image up first?",
    needs="Notebook 02: mIoU and Boundary IoU. Notebook 03 helps: a class may be rare.",
    budgets={"tiny": Budget(90, 2500), "laptop": Budget(900, 3500), "gpu": Budget(900, 6000)},
    objectives=[
        Objective("04.a", "group superpixels into region proposals, and measure how good they are"),
        Objective("04.b", "show a network a region in two ways, and say what each of them sees"),
        Objective("04.c", "train a linear SVM on hard negatives, and say why not on all regions"),
        Objective("04.d", "paste scored regions into one mask, and give the ceiling of the method"),
        Objective("04.e", "measure three drawbacks: time, boundaries, and features made for something else"),
    ],
    predictions={
        "04.p1": Prediction(
            "Of 2000 regions of the photograph, how many overlap its largest object by half or more (IoU)?",
            unit="regions",
            high=2000,
        ),
        "04.p2": Prediction(
            "Which looks tell the classes apart best?",
            choices=("the full region's box", "the foreground alone", "both, joined"),
        ),
        "04.p3": Prediction(
            "One forward pass of the same network over the whole image takes 1. "
            "How many times longer do the regions take?",
            unit="times",
            high=1000,
        ),
    },
    exercises={
        "04.1": Exercise(
            title="One step of grouping",
            minutes=8,
            check=check_merge,
            reference=merge_most_similar,
            hints=[
                "Two histograms have in common what both have: bin by bin, the smaller of the two.",
                "torch.minimum(histograms[i], histograms[j]).sum() for each pair; then the largest.",
                "The new histogram is a mixture: each region counts by its share of the pixels of both.",
            ],
            meets=["04.a"],
            difficulty=2,
        ),
        "04.2": Exercise(
            title="The region alone",
            minutes=4,
            check=check_foreground,
            reference=foreground,
            hints=[
                "What does the network see where a pixel has exactly the mean colour?",
                "mean has the shape (3,), the crop (3, h, w): mean[:, None, None] lets them meet.",
                "torch.where(mask, crop, ...) keeps the crop where the mask is True.",
            ],
            meets=["04.b"],
        ),
        "04.3": Exercise(
            title="Hard negatives",
            minutes=5,
            check=check_hard_negatives,
            reference=hard_negatives,
            hints=[
                "Two conditions. One is about where the region lies, one about what the SVM thinks of it.",
                "Negative: overlaps < 0.2. Not yet rejected: the hinge loss is 0 for scores of -1 and below.",
                "((first) & (second)).nonzero()[:, 0] are the numbers of the regions.",
            ],
            meets=["04.c"],
            difficulty=2,
        ),
        "04.4": Exercise(
            title="Paste",
            minutes=6,
            check=check_paste,
            reference=paste,
            hints=[
                "What is painted last lies on top.",
                "Begin with zeros. Go through scores.argsort(): the lowest first.",
                "painted[masks[region]] = classes[region], if scores[region] is above the threshold.",
            ],
            meets=["04.d"],
        ),
        "04.5": Exercise(
            title="Bug clinic: proposals that miss everything",
            minutes=5,
            check=check_corners,
            reference=corners,
            hints=[
                "Draw the first box. What would its four numbers have to mean?",
                "OpenCV writes a rectangle as x, y, width, height.",
                "x2 = x + width, y2 = y + height: torch.cat of two halves.",
            ],
            meets=["04.a"],
        ),
    },
    quiz=[
        Item(
            "Why are the regions nested, small ones within large ones?",
            [
                "so that the masks take less memory",
                "because nobody knows the size of an object beforehand",
                "because superpixels are nested",
            ],
            answer=1,
            reasons=[
                "They do, as superpixels and memberships; but that is not why.",
                "An eye, a face, a cat, a cat on a sofa: each is a node on the way up.",
                "Superpixels do not overlap at all.",
            ],
            meets=["04.a"],
        ),
        Item(
            "Average best overlap is .75. What follows if one region is pasted for each object?",
            ["nothing", "its mIoU will be about .75", "even if it is always right, its outlines are not"],
            answer=2,
            reasons=[
                "A mask is made of regions. None of them is the object.",
                "A classifier can do worse; and pixels of large objects count more.",
                "Of all pixels that the object or its best region covers, a quarter is in only one of them.",
            ],
            meets=["04.a", "04.d"],
        ),
        Item(
            "Two regions have the same box: a cat, and the cat with its cushion. Which crop shows it?",
            ["the full one", "the foreground", "neither"],
            answer=1,
            reasons=[
                "It shows the box. The box is the same.",
                "It shows the region alone, and the regions differ.",
                "One of them shows the shape.",
            ],
            meets=["04.b"],
        ),
        Item(
            "Why not train the SVM on all 2000 regions of all images?",
            [
                "an SVM cannot have so many",
                "nearly all of them are easy and change nothing",
                "it would overfit",
            ],
            answer=1,
            reasons=[
                "It can, slowly.",
                "With hinge loss, what is rejected clearly has no weight. Only the hard ones move the SVM.",
                "More data seldom makes that worse.",
            ],
            meets=["04.c"],
        ),
        Item(
            "The background threshold was chosen on the test split. What is wrong?",
            ["nothing, it is one number", "the score is no longer that of new images", "it is too slow"],
            answer=1,
            reasons=[
                "One number, chosen among many, by what is to be measured.",
                "The threshold has seen them. Choose it on the validation split.",
                "It is fast. That is the temptation.",
            ],
            meets=["04.d"],
        ),
        Item(
            "Which of the three drawbacks would a faster computer cure?",
            ["time", "boundaries", "features made for another task"],
            answer=0,
            reasons=[
                "More regions in the same time; the other two stay.",
                "No region follows an edge that the superpixels do not follow.",
                "The network still has learned to name photographs, and nothing else.",
            ],
            meets=["04.e"],
        ),
    ],
)

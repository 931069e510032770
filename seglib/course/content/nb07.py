"""Notebook 07: masks from boxes alone: labels that are made, rounds that clean them, and what they cost."""

from seglib.course.content.checks07 import (
    cheapest,
    check_cheapest,
    check_core,
    check_paint_boxes,
    check_reset,
    core,
    paint_boxes,
    reset,
)
from seglib.course.content.loss07 import box_loss, check_box_loss
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

LESSON = Lesson(
    id="07_weak",
    title="Boxes in, masks out",
    minutes=90,
    question="A box costs a tenth of a mask. How far do boxes alone get you?",
    needs="Notebook 05: training an FCN. Notebook 02: Boundary IoU. Notebook 03: your own seconds per label.",
    budgets={"tiny": Budget(90, 2500), "laptop": Budget(900, 3500), "gpu": Budget(900, 6000)},
    objectives=[
        Objective("07.a", "make labels of boxes, and say what each pixel of them teaches"),
        Objective("07.b", "measure labels before anything is trained on them"),
        Objective("07.c", "find an object in its box by colours, edges and regions, one candidate a box"),
        Objective("07.d", "train in rounds, and clean what the net says between them"),
        Objective("07.e", "compare with full supervision fairly, and per minute of labelling"),
    ],
    predictions={
        "07.p1": Prediction(
            "From 'all background' to full supervision, in mIoU, is 100 %. "
            "How far does the best net get that has seen boxes only?",
            unit="%",
        ),
        "07.p2": Prediction(
            "Fill every box with its class. What is the mIoU of these labels, against the truth?", unit="%"
        ),
        "07.p3": Prediction(
            "Three nets, each taught by what the one before predicts. The last labels, beside the first?",
            choices=("better", "worse", "about the same"),
        ),
        "07.p4": Prediction(
            "The same minutes: boxes for all images, or true masks for a few. Whose net is better?",
            choices=("the boxes'", "the masks'", "about the same"),
        ),
    },
    exercises={
        "07.1": Exercise(
            title="The smaller box in front",
            minutes=6,
            check=check_paint_boxes,
            reference=paint_boxes,
            hints=[
                "What is painted last lies in front.",
                "Areas: (x2 - x1) * (y2 - y1). Go through them from the largest to the smallest.",
                "mask[y1:y2, x1:x2] = classes[number], for number in areas.argsort(descending=True).",
            ],
            meets=["07.a"],
        ),
        "07.2": Exercise(
            title="The core of a box",
            minutes=5,
            check=check_core,
            reference=core,
            hints=[
                "If both sides are halved, what is left of the area?",
                "Each side keeps the root of the share.",
                "cut = (1 - math.sqrt(share)) / 2 of each side goes at each of its ends.",
            ],
            meets=["07.a"],
        ),
        "07.3": Exercise(
            title="One candidate a box",
            minutes=8,
            check=check_cheapest,
            reference=cheapest,
            hints=[
                "Two terms for each candidate: how badly its box fits, and three times what the net minds.",
                "costs = (1 - fits) + 3 * losses; then the least of them, and where it is.",
                "If none is chosen, the first term is a sum over nothing. Only 3 * nothing is left.",
            ],
            meets=["07.c"],
            difficulty=2,
        ),
        "07.4": Exercise(
            title="Too little is relative",
            minutes=7,
            check=check_reset,
            reference=reset,
            hints=[
                "How much of the box is of the class? A mean of True and False says it.",
                "inside = mask[y1:y2, x1:x2]; (inside == index).float().mean() against threshold * usual.",
                "Begin with mask.clone(): what you were given is still needed elsewhere.",
            ],
            meets=["07.d"],
            difficulty=2,
        ),
        "07.5": Exercise(
            title="Bug clinic: animals everywhere",
            minutes=5,
            check=check_box_loss,
            reference=box_loss,
            hints=[
                "Which pixels would complain if the net said 'animal' everywhere?",
                "ignore_index names the value that teaches nothing. Which value is it in our masks?",
                "cross_entropy(logits, masks.long(), ignore_index=255).",
            ],
            meets=["07.a"],
        ),
    },
    quiz=[
        Item(
            "Box-i ignores four fifths of each box. Why can its net be better than that of filled boxes?",
            [
                "it has fewer pixels to learn",
                "an ignored pixel teaches nothing, a wrong one teaches something wrong",
                "the core is always object",
            ],
            answer=1,
            reasons=[
                "Fewer pixels alone are no help.",
                "The corners of a box are mostly background. Called object, they push all rims outwards.",
                "Mostly. The core of a ring is a hole.",
            ],
            meets=["07.a"],
        ),
        Item(
            "A scheme's labels have 97 % mIoU on the pixels that it labelled. Is it the best one?",
            ["yes", "not before it says how much it ignored, and where", "only training can tell anything"],
            answer=1,
            reasons=[
                "One sure pixel in each box would have 100 %.",
                "It may have left out all that is hard, the rims. So all pixels are judged too: each as the "
                "nearest label says.",
                "Training decides, but labels can be looked at in seconds.",
            ],
            meets=["07.b"],
        ),
        Item(
            "BoxSup without 'exactly one candidate a box'. A net that has never seen an object costs",
            ["nothing, with no candidate anywhere", "more than any other", "as much as the best net"],
            answer=0,
            reasons=[
                "No candidate, no misfit; and 'all background' is what the net says anyway.",
                "It agrees with its labels perfectly. That is the trouble.",
                "The best net has to pay for candidates that do not fit exactly.",
            ],
            meets=["07.c"],
        ),
        Item(
            "Labels are made of a net's predictions, and the next net learns from them. What can go wrong?",
            [
                "nothing: each net is better than its labels",
                "a mistake becomes truth, and nothing brings it back",
                "the net forgets ImageNet",
            ],
            answer=1,
            reasons=[
                "Sometimes. Where it is not, nobody says so.",
                "The boxes are the only truth there is: hold every round to them.",
                "Each round begins with the same weights.",
            ],
            meets=["07.d"],
        ),
        Item(
            "A bicycle fills 30 % of its box. The reset rule fires below half of the box. What happens?",
            [
                "its perfect mask is replaced by the box, every round",
                "the rule waits until the mask is bad",
                "the bicycle grows to half of its box",
            ],
            answer=0,
            reasons=[
                "30 % is always below 50 %. Compare with what bicycles usually fill.",
                "It knows nothing of good and bad, only of how much.",
                "There is no half: it is filled as a whole.",
            ],
            meets=["07.d"],
        ),
        Item(
            "'Boxes reach 97 % of full supervision.' What do you ask first?",
            [
                "97 % of what: was full supervision trained to its end, and where would 'all background' be?",
                "how many classes there were",
                "which optimiser was used",
            ],
            answer=0,
            reasons=[
                "Nets that have hardly learned are alike, and 'all background' is a good part of any mIoU.",
                "It matters, but the ratio can mislead with any number of them.",
                "Not first.",
            ],
            meets=["07.e"],
        ),
    ],
)

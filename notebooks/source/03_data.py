# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![Ten tide pools, one for each class, each class outlined once; next to them bars for the pixels of the ten
# classes: the background has four fifths of them, the seahorse hardly any.](images/03_question.png)
#
# The advice is old and good: collect about the same number of images for every class, so that all count
# alike. Here every class got its image.
#
# **Is the data set balanced?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>A segmenter is right on 99 % of the pixels. Why may it be worthless?</summary>
#
# Pixel accuracy reflects the largest class. Missing a class that has 0.5 % of the pixels costs half a
# percent.
# </details>
#
# <details><summary>What does the confusion matrix do with void?</summary>
#
# It leaves it out. Such a pixel has no true class.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.budget import price
from seglib.course.samples import album, slope
from seglib.data.balance import count
from seglib.data.quality import laplacian_variance
from seglib.data.quality import class_shift, sharpness
from seglib.data.sampling import class_balanced, reweight
from seglib.data.balance import effective_number, enet, inverse_frequency
from seglib.draw import bars, overlay, show_images
from seglib.widgets import Annotator, BalanceBoard

lesson = start("03_data")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# A net learns from the data it is given. So look at the data: 120 pools, counted in three ways.

# %%
pools = lesson.scenes("train", length=120, size=(160, 160))
classes = pools.classes
counts = count(pools)
counts

# %% [markdown]
# **Pixels**, **images** that contain the class, **objects**: three answers to "how much of it is there?"
#
# 1. Which class is the rarest by all three? By what factor is it rarer than the next one, each time?
# 2. Which class is in every image and has no object?
# 3. Turn the dial until half as many images contain a seahorse. Choose inverse frequency. How does the weight
#    of the seahorse change, and how do all others?

# %%
BalanceBoard(pools)

# %% [markdown] tags=["exercise"]
# [[03.1]]
#
# `masks` is a list of masks, of any size, which may hold 255. Return two vectors of length `num_classes`: the
# pixels of each class, and the number of images that contain it.


# %%
def count_classes(masks, num_classes):
    # BEGIN SOLUTION
    rows = torch.stack([mask[mask != 255].long().bincount(minlength=num_classes) for mask in masks])
    return rows.sum(0), (rows > 0).sum(0)
    # END SOLUTION


# %%
check("03.1", count_classes)
# hint("03.1")

# %%
count_classes = checkpoint("03.1", count_classes)

# %% tags=["nbval-check-output"]
pixels, images = count_classes([mask for _, mask in pools], len(classes))
print(bool((pixels == counts.total("pixels")).all()), bool((images == counts.total("images")).all()))

# %% [markdown] tags=["instructor"]
# **10 minutes for counting.** Misconception: "rare" is one number. Let pairs find a class that is rarer by
# objects than by pixels. For early finishers: what is the count of a class whose pixels are all void?

# %% [markdown] tags=["concept"]
# ## The same number of images
#
# Now follow the advice. Draw a class at random, then an image that contains it, and repeat. Every class is
# drawn equally often. This is a **class-balanced sampler** (Shen, Lin and Huang 2016).
#
# [[03.p1]]

# %%
predict("03.p1", ...)

# %%
rng = torch.Generator().manual_seed(lesson.seed)
draws = torch.multinomial(class_balanced(counts), 5000, replacement=True, generator=rng)
drawn = counts.subset(draws)
rare = classes.index("seahorse")
reveal("03.p1", 100 * drawn.shares()[rare].item())

# %%
bars(
    {
        "in % of the images": dict(zip(classes, (100 * drawn.total("images") / len(draws)).tolist())),
        "% of the pixels": dict(zip(classes, (100 * drawn.shares()).tolist())),
    },
    alt="After class-balanced drawing the seahorse is in a fifth of the images, and 1 % of the pixels.",
)

# %% [markdown]
# The seahorse is shown more often. But an image with a seahorse is still mostly sand. **A sampler chooses
# images; it cannot balance the pixels inside one.**
#
# Can any choice of images? `reweight` weights images so that the shares of the classes come as close as
# possible to a target, and reports how close that is. The target here: ten equal classes.

# %%
reweight(counts, target=[1 / len(classes)] * len(classes))

# %% [markdown]
# Read the last line. Even a few images, drawn over and over, leave more than half of the pixels in the wrong
# class. Only whole images can be chosen, and they are mostly background.

# %% [markdown] tags=["concept"]
# ## Weights act on pixels
#
# The loss is a mean over pixels. Give the pixels of a rare class more **weight**, and the mean changes its
# meaning. Simplest: weight = 1 / share, *inverse frequency*.
#
# [[03.p2]]

# %%
predict("03.p2", ...)

# %%
inverse = inverse_frequency(counts)
reveal("03.p2", float(inverse[rare] / inverse[classes.background]))

# %% [markdown]
# One wrong pixel at the outline of a seahorse now outweighs a hundred pixels of sand. So the net makes
# seahorses too wide. Two milder recipes:
#
# * **Median frequency** (Eigen and Fergus 2015). The frequency of a class is its share *of the images that
#   contain it*. Weight = median of all frequencies / frequency. A class that is in few images, but large
#   there, is not weighted up.
# * **ENet** (Paszke et al. 2016). 1 / ln(1.02 + share): bounded, at most 50.

# %% [markdown] tags=["exercise"]
# [[03.2]]
#
# `pixels` has one row per image and one column per class. Void has no column. Return one weight per class.
# Every class occurs. With an even number of frequencies take either of the middle two, or their mean.


# %%
def median_frequency(pixels):
    # BEGIN SOLUTION
    around = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0)
    frequency = pixels.sum(0) / around
    return frequency.median() / frequency
    # END SOLUTION


# %%
check("03.2", median_frequency)
# hint("03.2")

# %%
median_frequency = checkpoint("03.2", median_frequency)

# %%
schemes = {
    "inverse frequency": inverse,
    "median frequency": median_frequency(counts.pixels[:, : len(classes)]),
    "ENet": enet(counts),
}
shown = ["background", "jellyfish", "fish", "crab", "seahorse"]
relative = {name: weights / weights[classes.index("fish")] for name, weights in schemes.items()}
bars(
    {name: {each: float(w[classes.index(each)]) for each in shown} for name, w in relative.items()},
    alt="Weights of three schemes: the seahorse has the largest and the background the smallest in each.",
    title="weight, a fish = 1",
)

# %% [markdown]
# **Effective number** (Cui et al. 2019): the second thousand samples of a class add less than the first. The
# parameter β says how soon. The paper counts *images* and uses .9 to .9999. Give it *pixels* with the same β,
# and almost no effect is left:

# %% tags=["nbval-check-output"]
for unit, beta in (("images", 0.99), ("pixels", 0.9999), ("pixels", 0.999999)):
    weights = effective_number(counts, beta, unit)
    print(f"{unit:8} beta {beta:<9} seahorse / fish = {weights[rare] / weights[1]:.1f}")

# %% [markdown]
# At .9999 the curve bends at 10 000 samples. All classes have more pixels than that, all but the seahorse
# several times more, so their weights are nearly equal. With pixels, 1 - β must be one in millions.
#
# Do weights pay? They trade accuracy on frequent classes for recall of rare ones. Notebook 06 measures it.

# %% [markdown] tags=["instructor"]
# **12 minutes.** Draw three images on the board and let the room compute median frequency before they code.
# The usual mistake is to divide by all images; the check says so. Ask who would *not* weight at all: the
# authors of FCN found it unnecessary on VOC. Misconception: weights add information about the rare class.

# %% [markdown] tags=["concept"]
# ## Blurred, or only smooth?
#
# Remove images that are too blurry, says the advice. The usual test is one line: the variance of the
# Laplacian. Low means blurred.
#
# Here is an album of sixty pools. Thirty are ordinary. Fifteen are calm: even ground, no noise, perfectly
# sharp. Fifteen are out of focus by 2 pixels, and noisy.

# %%
photos = album()
shown = [0, 30, 45]
show_images(
    [photos[i][0] for i in shown],
    titles=["ordinary", "calm, sharp", "blurred, noisy"],
    alt="Three pools: one ordinary, one calm and sharp on even ground, one out of focus and noisy.",
)

# %% [markdown]
# [[03.p3]]

# %%
predict("03.p3", ...)

# %%
kinds = ["the ordinary ones"] * 30 + ["the calm, sharp ones"] * 15 + ["the blurred, noisy ones"] * 15
laplacian = torch.tensor([laplacian_variance(image) for image, _ in photos])
lowest = [kinds[i] for i in laplacian.argsort()[:15]]
reveal("03.p3", max(set(kinds), key=lowest.count))

# %% [markdown]
# To the Laplacian, noise is detail. So the noisy images pass, and the calm ones are thrown out. You would
# keep exactly the wrong fifteen.
#
# Better: look at the *edges*, and at their *width*. Blur the image a little, and once more. A sharp edge
# loses much of its slope, a blurred one loses little. Noise is gone after the first blur.

# %% [markdown] tags=["exercise"]
# [[03.3]]
#
# `fine` and `coarse` are the slopes of an image at every pixel, (H, W), after a blur of 1 and of 2 pixels.
# Return one number, high for blurred. It should rank the blurred images above the ordinary *and* above the
# calm ones.


# %%
def edge_blur(fine, coarse):
    # BEGIN SOLUTION
    strong = coarse >= coarse.quantile(0.98)
    return float((coarse / fine)[strong].quantile(0.1))
    # END SOLUTION


# %%
check("03.3", edge_blur)
# hint("03.3")

# %%
edge_blur = checkpoint("03.3", edge_blur)

# %% tags=["nbval-check-output"]
edges = torch.tensor([edge_blur(slope(image, 1), slope(image, 2)) for image, _ in photos])
for name, least in (("variance of the Laplacian", -laplacian), ("yours", edges)):
    out = [kinds[i] for i in least.argsort(descending=True)[:15]]
    print(f"{name}: of the 15 most blurred, {out.count('the blurred, noisy ones')} really are")

# %% [markdown]
# Removing blurred images is a choice of images, and so a choice of classes. Look at what else is removed.
# `sharpness` is your idea, refined; `class_shift` shows the price. Here on street images, if this machine has
# some.

# %%
streets = lesson.photographs("train", "camvid") or lesson.photographs("train") or pools
judged = sharpness(streets)
class_shift(count(streets), judged.blurred(0.1))

# %% [markdown]
# Compare the last column with the share of images that were dropped. Does a class lose twice as much as it
# should? Then look at the images before you drop them.

# %%
judged.show(4)

# %% [markdown]
# The board has a second page for this. Move the threshold, and find the largest cut at which no class loses
# more than twice its share.

# %%
BalanceBoard(streets, sharpness=judged, view="blur")

# %% [markdown] tags=["instructor"]
# **12 minutes.** On CamVid the most blurred tenth are frames at dusk: ask whether cars drive at dusk. There
# is always a most blurred tenth. Misconception: a threshold (100 is popular) carries over from one data set
# to the next. For early finishers: blur only a part of an image; what should the score be?

# %% [markdown] tags=["concept"]
# ## Trust, then audit
#
# Labels come from people, files from programs, and splits are made in a hurry. `audit` reads every sample and
# looks for what is usually wrong: sizes that differ, values that are not a class, masks that are all void,
# the same image in two splits, boxes that miss their objects.
#
# "Wrong" is certain and must be fixed. "Suspicious" is usually a fault, but only a person can decide: look.
# "Unusual" may be right; know it. Here is a delivery of 24 training and 8 validation pools.

# %%
from seglib.course.samples import delivery
from seglib.data.audit import audit

parts = delivery()
report = audit(parts)
report

# %%
report.worst()

# %% [markdown] tags=["exercise"]
# [[03.4]]
#
# Which *training* pools must not be used as they are? Give their names, `{"pool_00", ...}`.

# %%
# BEGIN SOLUTION drop = ...
drop = {"pool_03", "pool_07", "pool_11", "pool_15", "pool_19"}
# END SOLUTION

# %%
check("03.4", drop)
# hint("03.4")

# %% [markdown]
# Fix before you drop: an image whose mask was cut is still a good image. And if an image is in train *and* in
# validation, drop the training copy.

# %% [markdown] tags=["instructor"]
# **8 minutes.** The empty pool divides opinions. A net that never saw an empty pool finds animals in one. If
# the data folder contains Oxford Pets, let somebody run `python -m seglib data audit pets` in a terminal: one
# photograph is in the published train *and* test list, once with a watermark.

# %% [markdown] tags=["concept"]
# ## The price of a label
#
# A class for the image, a box per object, a mask per object: each costs more and tells more. A **box** says
# how many objects there are and roughly where. A **semantic mask** says which pixels, not how many objects.
# An **instance mask** says both.
#
# Measure the price yourself. Draw boxes around the animals of three pools. The time of an animal runs from
# its first point to its last. Mistakes can be undone, and every box is saved at once.
#
# [[03.p4]]

# %%
predict("03.p4", ...)

# %%
boxes = Annotator(pools.subset([1, 12, 5]), classes=classes, kind="boxes", path="drawn/boxes.json")
boxes

# %% [markdown]
# Now the same animals as **polygons**: click along the outline.

# %%
polygons = Annotator(pools.subset([1, 12, 5]), classes=classes, kind="polygons", path="drawn/polygons.json")
polygons

# %% [markdown]
# Your seconds become a budget. The notebooks on weak supervision will use it. They count from ten boxes and
# ten polygons on, drawn so that they agree with the truth; until then the published seconds are used.

# %%
cost = price(boxes, polygons)

# %%
reveal("03.p4", cost.boxes_per_mask)

# %% [markdown]
# Is a mask worth that many boxes? Notebook 07c answers with trained nets. First: how good are yours? If you
# drew on the first pool, this cell compares them with the truth.

# %%
for name, annotator in (("boxes", boxes), ("polygons", polygons)):
    if annotator.image(0).annotations:
        print(f"{name}, first pool: {annotator.agreement(0)}")

# %% [markdown] tags=["measure"]
# ## What this buys
#
# An hour of labelling, at your price or the published one.

# %%
for hours in (1, 10, 100):
    bought = cost.buys(hours)
    print(f"{hours:3} h: {bought['boxes']:6,} boxes or {bought['masks']:5,} masks")

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[03.5]]
#
# A team halves the size of images and masks to train faster. Since then their net sees urchins everywhere.
# This pool has none.

# %%
number = next(i for i in range(len(pools)) if not (pools[i][1] == classes.index("urchin")).any())
image, mask = pools[number]


# %%
from torch.nn.functional import interpolate


def team_shrink(mask, size):
    small = interpolate(mask[None, None].float(), size=size, mode="bilinear", antialias=True)
    return small[0, 0].round().to(torch.uint8)


# %%
small = team_shrink(mask, (80, 80))
print(f"urchin pixels: {int((small == classes.index('urchin')).sum())}; values: {small.unique().tolist()}")
show_images(
    [overlay(image, mask, classes), overlay(image[:, ::2, ::2], small.clamp(max=9), classes)],
    titles=["as labelled", "as trained on"],
    alt="A pool as labelled, and its smaller mask: lines of other classes run around every animal.",
)

# %% [markdown]
# Find the bug and rewrite the function: uint8 in, uint8 out, no class that was not there before, and void
# stays void.


# %%
def shrink(mask, size):
    # BEGIN SOLUTION
    return interpolate(mask[None, None].float(), size=size, mode="nearest")[0, 0].to(torch.uint8)
    # END SOLUTION


# %%
check("03.5", shrink)
# hint("03.5")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("03")

# %% [markdown] tags=["further"]
# ## Further
#
# * D. Eigen, R. Fergus: *Predicting Depth, Surface Normals and Semantic Labels with a Common Multi-Scale
#   Convolutional Architecture*, ICCV 2015. Median frequency.
# * A. Paszke et al.: *ENet*, 2016. V. Badrinarayanan, A. Kendall, R. Cipolla: *SegNet*, PAMI 2017: weights on
#   CamVid, with and without.
# * Y. Cui et al.: *Class-Balanced Loss Based on Effective Number of Samples*, CVPR 2019.
# * L. Shen, Z. Lin, Q. Huang: *Relay Backpropagation*, ECCV 2016: the class-aware sampler. A. Gupta, P.
#   Dollár, R. Girshick: *LVIS*, CVPR 2019: repeat factors.
# * F. Crete et al.: *The Blur Effect*, 2007. S. Zhuo, T. Sim: *Defocus map estimation from a single image*,
#   Pattern Recognition 2011: the ratio at edges.
# * D. Papadopoulos et al.: *Extreme clicking*, ICCV 2017: a box in 7 seconds. T.-Y. Lin et al.: *Microsoft
#   COCO*, ECCV 2014: what a mask costs.
#
# **Data.** The pools are drawn by `seglib.scenes` from a seed; nothing was photographed. Photographs, where
# found: CamVid or Oxford-IIIT Pet. See `data/README.md`.

# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![Ten tide pools, one for each class, each class outlined once; next to them bars for the pixels of the ten
# classes: the background has four fifths of them, the seahorse hardly any.](images/03a_question.png)
#
# The advice is old and good: collect about the same number of images for every class, so that all count
# alike. Here every class has one image.
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
# If it never finds a class that has 0.5 % of the pixels, its pixel accuracy is still 99.5 %.
# </details>
#
# <details><summary>What is the difference between the recall of a class and its IoU?</summary>
#
# Recall is the share of its true pixels that were found. IoU also counts the pixels that were claimed and
# belong to other classes (notebook 02).
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch

from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.samples import colours
from seglib.data import balance
from seglib.data.balance import count, enet, inverse_frequency
from seglib.data.sampling import class_balanced, reweight
from seglib.draw import bars
from seglib.losses import cross_entropy
from seglib.metrics import confusion_matrix, mean_iou
from seglib.widgets import BalanceBoard

lesson = start("03a_balance")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# A net learns from the data it is given. So look at the data: 120 drawn tide pools, counted in three ways.

# %%
pools = lesson.scenes("train", length=120, size=(160, 160))
classes = pools.classes
counts = count(pools)
counts

# %% [markdown]
# **Pixels**, **images** that contain the class, **objects**: three answers to "how much of it is there?"
#
# 1. Which class is the rarest by all three? In each count, how many times rarer is it than the next class?
# 2. Which class is in every image and has no object?
# 3. Choose inverse frequency, and turn the dial down, stop by stop: fewer and fewer images contain a
#    seahorse. How does its weight change, and how do the weights of all others?

# %%
BalanceBoard(pools)

# %% [markdown]
# <details><summary>Answers, once you have yours</summary>
#
# 1. The seahorse. Divide its number by the next larger one, in each of the three columns: the factors
#    differ. "Rare" is not one number.
# 2. The background. It is what remains when all objects are removed, so it cannot be counted.
# 3. The weight of the seahorse rises as its pixels get fewer: half as many pixels, twice the weight. The
#    others hardly move, since their shares hardly change.
# </details>

# %% [markdown] tags=["exercise"]
# [[03a.1]]
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
check("03a.1", count_classes)
# hint("03a.1")

# %%
count_classes = checkpoint("03a.1", count_classes)

# %% [markdown]
# Yours next to the library's `count`: are the numbers the same? From here on, yours are used.

# %% tags=["nbval-check-output"]
pixels, images = count_classes([mask for _, mask in pools], len(classes))
print(bool((pixels == counts.total("pixels")).all()), bool((images == counts.total("images")).all()))

# %% [markdown] tags=["instructor"]
# **10 minutes for counting.** Misconception: "rare" is one number. Let pairs find a class that is rarer by
# objects than by pixels. For early finishers: what is the count of a class whose pixels are all void?

# %% [markdown] tags=["concept"]
# ## The same number of images
#
# Now follow the advice. Pick a class at random, then an image that contains it, and repeat. Every class is
# picked equally often. This is a **class-balanced sampler** (Shen, Lin and Huang 2016).
#
# [[03a.p1]]

# %%
predict("03a.p1", ...)

# %%
rng = torch.Generator().manual_seed(lesson.seed)
draws = torch.multinomial(class_balanced(counts), 5000, replacement=True, generator=rng)
drawn = counts.subset(draws)
rare = classes.index("seahorse")
reveal("03a.p1", 100 * drawn.shares()[rare].item())
bars(
    {
        "in % of the images": dict(zip(classes, (100 * drawn.total("images") / len(draws)).tolist())),
        "% of the pixels": dict(zip(classes, (100 * drawn.shares()).tolist())),
    },
    alt="After class-balanced drawing the seahorse is in many of the images, and has few of the pixels.",
)

# %% [markdown]
# But an image with a seahorse is still mostly background. **A sampler chooses images; it cannot balance the
# pixels inside one.**
#
# Can any choice of images balance the pixels? `reweight` weights images so that the shares of the classes
# come as close as possible to a target, and reports how close that is. The target here: ten equal classes.

# %%
reweight(counts, target=[1 / len(classes)] * len(classes))

# %% [markdown]
# The last line says how far away it is: the share of the pixels that would have to be of another class. Even
# with a few images, drawn over and over, that is more than half.

# %% [markdown] tags=["concept"]
# ## The loss of one pixel
#
# For each pixel a net gives K numbers, one per class. **Softmax** makes them K probabilities that sum to 1.
# The loss of a pixel is $-\ln p$, where $p$ is the probability of its *true* class: 0 for $p = 1$, 0.7 for
# $p = 1/2$, 4.6 for $p = 1/100$. This is **cross-entropy**.
#
# The loss of an image is the **mean** over its pixels. So a class with a thousandth of the pixels contributes
# about a thousandth of the loss, and a net that never predicts it loses hardly anything. With a **weight**
# for each class, a pixel $i$ has the loss $\ell_i$ and the weight $w_i$ of its true class, and the mean
# becomes $\sum w_i \ell_i \,/\, \sum w_i$.

# %% [markdown] tags=["exercise"]
# [[03a.2]]
#
# `logits` (N, K) are the numbers of N pixels, `truth` (N,) their true classes, `weights` (K,) those of the
# classes. Return the weighted mean of the losses: a tensor with one number, from which a net can learn.
# Logits may be in the hundreds. (Void pixels have been left out.)


# %%
def weighted_loss(logits, truth, weights):
    # BEGIN SOLUTION
    losses = -logits.log_softmax(1)[torch.arange(len(truth)), truth]
    return (weights[truth] * losses).sum() / weights[truth].sum()
    # END SOLUTION


# %%
check("03a.2", weighted_loss)
# hint("03a.2")

# %%
weighted_loss = checkpoint("03a.2", weighted_loss)
logits, truth, alike = (
    torch.randn(50, len(classes)),
    torch.arange(50) % len(classes),
    torch.ones(len(classes)),
)
library = cross_entropy(logits.T[None, :, :, None], truth[None, :, None], weights=alike)
print(f"yours {weighted_loss(logits, truth, alike):.4f}, the library's {library:.4f}")

# %% [markdown] tags=["concept"]
# ## Which weights?
#
# Simplest: weight = 1 / share of the pixels, *inverse frequency*. Then the pixels of every class weigh the
# same in sum.
#
# [[03a.p2]]

# %%
predict("03a.p2", ...)

# %%
inverse = inverse_frequency(counts)
reveal("03a.p2", float(inverse[rare] / inverse[classes.background]))

# %% [markdown]
# One missed pixel of a seahorse now costs more than a hundred missed pixels of background. So the net makes
# seahorses too wide. Two milder recipes:
#
# * **Median frequency** (Eigen and Fergus 2015). The frequency of a class is its share of the pixels *of the
#   images that contain it*. Weight = median of all frequencies / frequency. A class that is in few images,
#   but large there, gets no large weight.
# * **ENet** (Paszke et al. 2016). 1 / ln(1.02 + share). However rare a class is, its weight stays below
#   1 / ln 1.02, about 50.

# %% [markdown] tags=["exercise"]
# [[03a.3]]
#
# `pixels` holds counts: one row per image, one column per class; void has no column. Return one weight per
# class. Every class occurs. With an even number of classes, take either of the two middle frequencies as the
# median, or their mean.


# %%
def median_frequency(pixels):
    # BEGIN SOLUTION
    around = ((pixels > 0) * pixels.sum(1, keepdim=True)).sum(0)
    frequency = pixels.sum(0) / around
    return frequency.median() / frequency
    # END SOLUTION


# %%
check("03a.3", median_frequency)
# hint("03a.3")

# %%
median_frequency = checkpoint("03a.3", median_frequency)
per_image = torch.stack([count_classes([mask], len(classes))[0] for _, mask in pools])
yours, library = median_frequency(per_image), balance.median_frequency(counts)
print("the same ratios as the library's:", torch.allclose(yours / yours[0], library / library[0], rtol=1e-4))

# %%
recipes = {
    "none": torch.ones(len(classes)),
    "inverse frequency": inverse,
    "median frequency": median_frequency(per_image),
    "ENet": enet(counts),
}
shown = ["background", "jellyfish", "fish", "crab", "seahorse"]
relative = {name: weights / weights[classes.index("fish")] for name, weights in recipes.items()}
bars(
    {name: {each: float(w[classes.index(each)]) for each in shown} for name, w in relative.items()},
    alt="Weights of four schemes: but for none, the seahorse has the largest, the background the smallest.",
    title="weight, a fish = 1",
    digits=2,
)

# %% [markdown] tags=["instructor"]
# **12 minutes.** Draw three images on the board and let the room compute median frequency before they code.
# The usual mistake is to divide by all images; the check says so. Ask who would *not* weight at all: the
# authors of FCN found it unnecessary on VOC. Misconception: weights add information about the rare class.

# %% [markdown] tags=["train"]
# ## Do weights pay?
#
# Your loss and your weights train the smallest possible net: one linear layer. It sees nine numbers for each
# pixel: its colour, and the mean colour around it, once near and once far. Its training loop has six lines.

# %%
seen, truth = colours("train")
judged, answers = colours("val")


def trained(weights):
    torch.manual_seed(lesson.seed)
    net = torch.nn.Linear(seen.shape[1], len(classes))
    optimizer = torch.optim.Adam(net.parameters(), lr=0.1)
    for _ in range(80):
        loss = weighted_loss(net(seen), truth, weights)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return net


# %% [markdown]
# [[03a.p3]]

# %%
predict("03a.p3", ...)

# %%
found = {}
for name, weights in recipes.items():
    confusion = confusion_matrix(trained(weights)(judged).argmax(1), answers, len(classes))
    recalls = confusion.diagonal() / confusion.sum(1)
    found[name] = {"mean recall": float(recalls.mean()), "mIoU": mean_iou(confusion)}
    print(f"{name:18} mean recall {100 * recalls.mean():5.1f}   mIoU {100 * found[name]['mIoU']:5.1f}")
gains = {name: found["inverse frequency"][name] - found["none"][name] for name in ("mean recall", "mIoU")}
up = [name for name, gain in gains.items() if gain > 0]
reveal("03a.p3", "both rise" if len(up) == 2 else f"only {up[0]} rises" if up else "both fall")

# %% [markdown]
# **Weights are a trade-off.** With inverse frequency the net finds more of the rare classes, and claims them
# in more places where they are not: that lowers the mIoU more than the finds raise it. Milder weights raise
# both. Notebook 06 asks the same of larger nets, with several seeds.

# %% [markdown] tags=["exercise"]
# ## Open task: beat the recipes
#
# [[03a.4]]
#
# `shares` (K,) float are the classes' shares of the training pixels. Return one weight per class. `check`
# trains the same linear layer with them and measures its mIoU on the validation pixels. It must be at least
# one point above the best of the three recipes, computed from the same shares (so their mIoU differs a little
# from the table above). There is no single right answer: try, look, try again.


# %%
def my_weights(shares):
    # BEGIN SOLUTION
    return shares**-0.4
    # END SOLUTION


# %%
check("03a.4", my_weights)
# hint("03a.4")

# %%
my_weights = checkpoint("03a.4", my_weights)
mine = my_weights(count_classes([truth], len(classes))[0] / len(truth))
print({name: round(float(weight / mine.min()), 1) for name, weight in zip(classes, mine)})

# %% [markdown] tags=["instructor"]
# **10 minutes.** Let the room keep a list on the board: function, mIoU. Then ask what the winners did: they
# have chosen weights by the validation images. On which images would they have to be judged now?

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[03a.5]]
#
# A team weights its loss by inverse frequency, computed anew for each batch. Now and then the loss is NaN,
# and from then on so is every number in the net. Here is such a batch: four pools without a seahorse.


# %%
def team_weights(pixels):
    return pixels.sum() / (len(pixels) * pixels)


def team_loss(logits, truth, weights):
    each = torch.nn.functional.one_hot(truth, len(weights)) * weights
    return -(each * logits.log_softmax(1)).sum() / each.sum()


# %%
batch = counts.pixels[counts.of("images")[:, rare] == 0][:4, : len(classes)].sum(0)
logits, names = torch.zeros(5, len(classes)), torch.tensor([0, 0, 1, 2, 0])
print("the team's loss:", float(team_loss(logits, names, team_weights(batch))))
print("yours, with their weights:", float(weighted_loss(logits, names, team_weights(batch))))

# %% [markdown]
# Find the cause and rewrite `team_weights`: `pixels` (K,) int64 are the pixels of each class in the batch. It
# is still inverse frequency; a weight that no pixel needs is 0; and the mean pixel of the batch weighs
# exactly 1.


# %%
def batch_weights(pixels):
    # BEGIN SOLUTION
    occurs = pixels > 0
    return torch.where(occurs, pixels.sum() / (occurs.sum() * pixels.clamp(min=1)), 0)
    # END SOLUTION


# %%
check("03a.5", batch_weights)
# hint("03a.5")

# %%
batch_weights = checkpoint("03a.5", batch_weights)
print("the team's loss:", float(team_loss(logits, names, batch_weights(batch))))

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("03a")

# %% [markdown] tags=["further"]
# ## Further
#
# * D. Eigen, R. Fergus: *Predicting Depth, Surface Normals and Semantic Labels with a Common Multi-Scale
#   Convolutional Architecture*, ICCV 2015. Median frequency.
# * A. Paszke et al.: *ENet*, 2016. V. Badrinarayanan, A. Kendall, R. Cipolla: *SegNet*, PAMI 2017: weights on
#   CamVid, with and without.
# * Y. Cui et al.: *Class-Balanced Loss Based on Effective Number of Samples*, CVPR 2019: the second thousand
#   samples of a class add less than the first. It is `balance.effective_number`; its β is meant for images.
# * L. Shen, Z. Lin, Q. Huang: *Relay Backpropagation*, ECCV 2016: the class-aware sampler. A. Gupta, P.
#   Dollár, R. Girshick: *LVIS*, CVPR 2019: repeat factors.
#
# **Data.** The pools are drawn by `seglib.scenes` from a seed; nothing was photographed.

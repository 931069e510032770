# %% [markdown] tags=["card"]

# %% [markdown] tags=["question"]
# ## One image, one question
#
# ![A cup of coffee next to a cat, in one photograph; and bars with the words that an image classifier finds
# most likely for it: kinds of cats, a mug.](images/05a_question.png)
#
# This network was trained to name what is in a photograph: one word for a whole image, out of a thousand
# words. It was never shown a mask or a box.
#
# **Does it know where the cat is, and where the cup?**

# %% [markdown] tags=["objectives"]

# %% [markdown] tags=["recall"]
# ## Recall
#
# Answer aloud, then open the answer.
#
# <details><summary>What does a convolution do with an image that is twice as large?</summary>
#
# The same as before, at more places. It does not depend on the size.
# </details>
#
# <details><summary>The region proposals of notebook 04 cost two passes through the net for each region. Why
# is that slow?</summary>
#
# Regions overlap, so the same pixels are processed again and again.
# </details>

# %% [markdown] tags=["setup"]
# ## Set up

# %%
import torch
from torch import nn
from torch.nn.functional import avg_pool2d, interpolate

from seglib import backbones
from seglib.course import check, checkpoint, hint, predict, quiz, reveal, start
from seglib.course.demos import CAT_WORDS, WORDS, cup_and_cat, heat, on_grey
from seglib.draw import show_images
from seglib.fcn import convolutionalise

lesson = start("05a_surgery")

# %% [markdown] tags=["look"]
# ## Look at the data
#
# Two photographs that come with scikit-image, next to each other, and EfficientNet-Lite0 with the weights
# that it learned on 1.3 million photographs. All of them come in packages, so this works offline.

# %%
photo = cup_and_cat()
lite = backbones.load("lite0").eval()


def words(image):
    """The probability of each of the classifier's 1000 words; it takes 224 x 224 pixels."""
    with torch.no_grad():
        small = interpolate(image[None].float(), size=(224, 224), mode="bilinear")
        return lite.classify(small).softmax(1)[0]


for p, k in zip(*words(photo).topk(5)):
    print(f"{100 * float(p):4.0f} %  {WORDS[int(k)]}")

# %% [markdown] tags=["concept"]
# ## Why a classifier wants one size
#
# A classic classifier ends like this: convolutions and pooling make a small map, `Flatten` turns it into one
# long row, and each output of a **fully connected layer** has one weight for each number of that row.
#
# A larger image makes a larger map and a longer row, and the layer has no weights for the rest of it.

# %%
classifier = nn.Sequential(
    nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16 * 16, 10)
)
for side in (32, 48):
    try:
        print(side, "->", tuple(classifier(torch.zeros(1, 3, side, side)).shape))
    except RuntimeError as error:
        print(side, "->", error)

# %% [markdown]
# Look at the layer again. It multiplies 8 channels of 16 x 16 numbers by weights and adds them up. A
# **convolution** with a kernel of 16 x 16 does exactly that, at one place. On a larger map it does so at
# every place.
#
# No weight changes its value; the weights are only arranged differently.

# %% [markdown] tags=["exercise"]
# [[05a.1]]
#
# `linear` takes a flattened map of `channels` x `height` x `width` numbers. Return the convolution that does
# the same to the map itself. Flattening goes through the channels, in each through the rows, in each through
# the columns.


# %%
def as_convolution(linear, channels, height, width):
    # BEGIN SOLUTION
    conv = nn.Conv2d(channels, linear.out_features, (height, width))
    conv.weight.data = linear.weight.data.reshape(conv.weight.shape).clone()
    conv.bias.data = linear.bias.data.clone()
    return conv
    # END SOLUTION


# %%
check("05a.1", as_convolution)
# hint("05a.1")

# %%
as_convolution = checkpoint("05a.1", as_convolution)

# %% tags=["nbval-check-output"]
operated = nn.Sequential(*classifier[:2], as_convolution(classifier[3], 8, 16, 16))
for side in (32, 48):
    print(side, "->", tuple(operated(torch.zeros(1, 3, side, side)).shape))

# %% [markdown] tags=["instructor"]
# **12 minutes.** Draw a 2 x 2 map and a layer with 4 weights on the board; slide it over 3 x 3. Ask: how many
# weights does the new net have? (The same number.) Misconception: "the image was cut into patches and the net
# was run many times". It runs once; neighbouring places share nearly all of the work. For early finishers:
# what is the stride of the map?

# %% [markdown] tags=["concept"]
# ## The real network
#
# Now operate on the network that named the photograph. Here are its last layers.

# %%
*stages, ending = lite.as_classifier()
print(ending)

# %% [markdown]
# It takes the mean over its 7 x 7 map before the last layer. So it would accept a larger image, but still
# give one answer for all of it. Replace the mean over everything by a mean over each window of 7 x 7 places,
# and the last layer by your convolution. Then each window gets its own answer.

# %%
layer, mean, flatten, dropout, linear = ending
everywhere = nn.Sequential(
    *stages, layer, nn.AvgPool2d(7, stride=1), dropout, as_convolution(linear, 1280, 1, 1)
).eval()

# %% [markdown]
# `convolutionalise` does all of this for any chain of layers. Yours and the library's agree:

# %% tags=["nbval-check-output"]
noise = torch.randint(0, 256, (1, 3, 288, 256), generator=torch.Generator().manual_seed(0)).float()
with torch.no_grad():
    yours, ours = everywhere(noise), convolutionalise(lite.as_classifier(), (3, 224, 224)).eval()(noise)
print(tuple(yours.shape), torch.allclose(yours, ours, atol=1e-3))

# %% [markdown]
# [[05a.p1]]

# %%
predict("05a.p1", ...)

# %%
with torch.no_grad():
    places = everywhere(torch.zeros(1, 3, 448, 448))
reveal("05a.p1", places.shape[2] * places.shape[3])

# %% [markdown] tags=["concept"]
# ## Where is the cat?
#
# Ask at every place: with what probability is this one of ImageNet's five cats? And with what probability is
# it a cup, a mug or an espresso? A window at the edge of the photograph needs something around it, so
# `on_grey` puts the photograph on a grey canvas. The canvas is so large that the place in row r and column c
# of the map is centred on the pixel in row 32 r and column 32 c of the photograph.

# %%
canvas = on_grey(photo)
with torch.no_grad():
    maps = everywhere(canvas).softmax(1)[0]
cups = [WORDS.index(word) for word in ("cup", "coffee mug", "espresso")]
where = {"cat": maps[CAT_WORDS].sum(0), "cup": maps[cups].sum(0)}
heat(photo, where)

# %% [markdown]
# It knows, roughly. Nobody taught it where the cat is: it had to look there to name the cat. This is the head
# start of a **fully convolutional network**, an FCN (Long, Shelhamer and Darrell 2015).
#
# But the maps are coarse, one place for every 32 pixels. And they are blurred: from the cat to the cup the
# probability falls slowly, over several places. Why?

# %% [markdown] tags=["concept"]
# ## What one place sees
#
# The score at one place is computed from a window of the image, its **receptive field**. Which pixels of the
# window count, and how much? Change a pixel a little, and see how much the score changes: that is the
# **gradient** of the score at the input, and PyTorch computes it for all pixels at once.

# %% [markdown] tags=["exercise"]
# [[05a.2]]
#
# `images` is (1, 3, H, W) float; `net(images)` is a map of scores (1, K, h, w). Return for each pixel how
# strongly the score of class `index` at the place `row`, `column` depends on it: (H, W), the absolute values
# of the gradient, summed over the three colours. Do not change `images`.


# %%
def seen(net, images, index, row, column):
    # BEGIN SOLUTION
    images = images.clone().requires_grad_()
    net(images)[0, index, row, column].backward()
    return images.grad[0].abs().sum(0)
    # END SOLUTION


# %%
check("05a.2", seen)
# hint("05a.2")

# %%
seen = checkpoint("05a.2", seen)

# %% [markdown]
# What does the place with the highest probability of a cup look at? The canvas is shown brighter where the
# gradient is stronger.

# %%
row, column = divmod(int(where["cup"].argmax()), where["cup"].shape[1])
strength = seen(everywhere, canvas, WORDS.index("espresso"), row, column)
light = avg_pool2d(strength[None], 9, stride=1, padding=4)[0]
light = (light / light.quantile(0.99)).clamp(0, 1).sqrt()
show_images(
    [canvas[0].byte(), (canvas[0] * light).byte()],
    titles=["the canvas", f"what place ({row}, {column}) looks at"],
    columns=1,
    alt="Cup and cat on a grey canvas; and the same, dark except where the score of one place depends on it.",
)

# %%
total, order = strength.sum(), strength.flatten().sort(descending=True).values
half = int((order.cumsum(0) < total / 2).sum()) / order.numel()
matters = float((strength > 0).double().mean())
print(f"{100 * matters:.0f} % of the pixels have an influence; half of it comes from {100 * half:.0f} %")

# %% [markdown]
# A place sees **far more than the 32 x 32 pixels it stands for**: this is how it knows *what*. And it cannot
# tell *where* in its window the cup begins: two neighbouring places see nearly the same pixels. Most of the
# influence comes from the middle, so the effective receptive field is smaller than the possible one (Luo et
# al. 2016).

# %% [markdown] tags=["concept"]
# ## From coarse to fine, without training
#
# The simplest way to a value for each pixel: enlarge the maps **bilinearly**. A pixel between two places gets
# a value between theirs. Then each pixel gets the class whose value is above one half, if there is one.

# %%
from seglib.draw import overlay
from seglib.fcn import Upsample
from seglib.labels import Classes

enlarge = Upsample(1, 32)  # place (r, c) goes to pixel (32 r, 32 c)
cat, cup = (enlarge(each[None, None])[0, 0] > 0.5 for each in where.values())
mask = (cat + 2 * cup.byte())[: photo.shape[1], : photo.shape[2]]
inside = photo[:, : mask.shape[0], : mask.shape[1]]
show_images(
    [overlay(inside, mask, Classes.of("background", "cat", "cup"))],
    alt="Cup and cat: a round spot covers the middle of the cup, another the middle of the cat's face.",
)

# %% [markdown]
# A mask with two classes, from a network that never saw a mask. Its outlines have little to do with those of
# the cup and the cat: nothing at stride 32 knows where an outline is.
#
# So two things are missing. The map must become as fine as the image, and it must name our classes instead of
# ImageNet's. Notebook 05b does both.

# %% [markdown] tags=["exercise"]
# ## An open task
#
# [[05a.3]]
#
# Which part of the photograph makes the classifier say "cat"? Hide it: a patch `(x1, y1, x2, y2)` is
# painted grey, and the whole photograph is named again. **Find a patch of at most 5 % of the photograph
# with which the five cats together fall below 20 %.** Measure as often as you like; map and gradient tell
# you where to start. The check says how large your patch is. How small can it be?


# %%
def with_patch(x1, y1, x2, y2):
    hidden = photo.clone()
    hidden[:, y1:y2, x1:x2] = 127
    return hidden


print(f"nothing hidden: {100 * float(words(photo)[CAT_WORDS].sum()):.0f} %")
print(f"an ear hidden: {100 * float(words(with_patch(780, 0, 860, 80))[CAT_WORDS].sum()):.0f} %")

# %%
# BEGIN SOLUTION patch = ...
patch = (540, 180, 630, 270)
# END SOLUTION

# %%
check("05a.3", patch)
# hint("05a.3")

# %% [markdown]
# What does the classifier call the photograph now? And what happens if you hide a part of the cup instead?

# %%
patch = checkpoint("05a.3", patch)
for p, k in zip(*words(with_patch(*patch)).topk(3)):
    print(f"{100 * float(p):4.0f} %  {WORDS[int(k)]}")

# %% [markdown] tags=["instructor"]
# **15 minutes for the receptive field and the open task.** Keep the smallest patch so far on the board.
# Misconception: "what the network looks at is the object". Ask what hiding a part of the cup does, and
# whether a patch in a corner of the photograph can change the answer.

# %% [markdown] tags=["clinic"]
# ## Bug clinic
#
# [[05a.4]]
#
# A user reports: "The same photograph gets a different map each time I ask, and each is worse than yours."
# Here are the user's function, and the user's net. Its weights are those of your net.


# %%
def users_map(net, image):
    with torch.no_grad():
        return net(image[None])[0].argmax(0)


# %%
from seglib.course.demos import the_users

net = the_users(everywhere)
first, second = users_map(net, canvas[0]), users_map(net, canvas[0])
print(f"{int((first != second).sum())} of {first.numel()} places have another word the second time")

# %% [markdown]
# Rewrite the function so that it always gives the right map, whatever the user did with the net before. No
# line is wrong: one is missing.


# %%
def predict_map(net, image):
    # BEGIN SOLUTION
    net.eval()
    with torch.no_grad():
        return net(image[None])[0].argmax(0)
    # END SOLUTION


# %%
check("05a.4", predict_map)
# hint("05a.4")

# %%
predict_map = checkpoint("05a.4", predict_map)
first, second = predict_map(net, canvas[0]), predict_map(net, canvas[0])
print(f"yours: {int((first != second).sum())} of {first.numel()} places")

# %% [markdown] tags=["recap"]

# %% [markdown] tags=["quiz"]
# ## Quiz

# %%
quiz("05a")

# %% [markdown] tags=["further"]
# ## Further
#
# * J. Long, E. Shelhamer, T. Darrell: *Fully Convolutional Networks for Semantic Segmentation*, CVPR 2015.
#   Surgery: section 3.1.
# * W. Luo, Y. Li, R. Urtasun, R. Zemel: *Understanding the Effective Receptive Field in Deep Convolutional
#   Neural Networks*, NIPS 2016.
# * M. Zeiler, R. Fergus: *Visualizing and Understanding Convolutional Networks*, ECCV 2014: grey patches that
#   hide parts of an image.
# * B. Zhou and others: *Learning Deep Features for Discriminative Localization*, CVPR 2016: heat maps of a
#   classifier (CAM).
# * M. Tan, Q. Le: *EfficientNet*, ICML 2019; its Lite variant has no squeeze-and-excitation.
# * S. Ioffe, C. Szegedy: *Batch Normalization*, ICML 2015: two modes, and a very common bug.
#
# **Data.** The cat is Chelsea, photographed by Stéfan van der Walt; the coffee was photographed by Rachel
# Michetti. Both are CC0 and come with scikit-image. Weights: EfficientNet-Lite0 on ImageNet (Apache 2.0).

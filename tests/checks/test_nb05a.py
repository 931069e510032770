"""Wrong answers to the exercises of notebook 05a, and the words each must be told."""

from functools import partial

from torch import nn

from seglib.course.content.nb05a.answers import as_convolution, predict_map, seen
from tests.mutation import edited

converted = partial(edited, as_convolution)
gradient = partial(edited, seen)
predicted = partial(edited, predict_map)


WRONG = {
    "05a.1": {
        "1 x 1 convolution": (lambda linear, *_: nn.Conv2d(linear.in_features, 5, 1), "sees 24 channels"),
        "padding": (converted("(height, width))", "(height, width), padding=1)"), "Padding?"),
        "flattened as channels last": (
            converted("(conv.weight.shape)", "(-1, height, width, channels).permute(0, 3, 1, 2)"),
            "through channels",
        ),
        "no bias": (converted("bias.data = linear.bias.data.clone()", "bias = None"), "bias is missing"),
        "another bias": (converted("linear.bias.data", "1 + linear.bias.data"), "bias is not the layer's"),
        "numbers shared with the layer": (
            converted("shape).clone()", "shape)"),
            "training one changes the other",
        ),
        "not reshaped": (converted(".reshape(conv.weight.shape)", ""), "shape (5, 2, 3, 4)"),
        "weights of its own": (converted("conv.weight.data = ", "unused = "), "not the layer's weights"),
        "in float64": (
            converted("shape).clone()", "shape).double()", "data.clone()", "data.double()"),
            "fails on a float32 map",
        ),
        "with holes": (converted("width))", "width), dilation=2)"), "fails on a float32 map"),
        "window after window": (
            converted("(height, width))", "(height, width), stride=(height, width))"),
            "Is there a stride",
        ),
    },
    "05a.2": {
        "with its sign": (gradient(".abs()", ""), "absolute values first"),
        "the largest": (gradient("sum(0)", "amax(0)"), "are summed"),
        "of all places": (gradient("[0, index, row, column]", "[0, index].sum()"), "not 0 at rows 0 to 8"),
        "row and column swapped": (gradient("row, column]", "column, row]"), "sees rows 0 to 2"),
        "another class": (gradient("[0, index", "[0, 0"), "that of class `index`"),
        "of a black image": (gradient("images.clone()", "torch.zeros_like(images)"), "it for `images`"),
        "the images themselves": (gradient(".clone()", ""), "changes `images`"),
        "nothing": (gradient("images.grad[0]", "(0 * images.grad[0])"), "0 everywhere"),
    },
    "05a.3": {
        "half of the cat": ((450, 0, 680, 300), "At most 5 % may be hidden"),
        "an ear": ((780, 0, 860, 80), "It must be less than 20 %"),
        "the cup": ((100, 100, 190, 190), "It must be less than 20 %"),
        "corners in the wrong order": ((630, 270, 540, 180), "0 <= x1 < x2"),
        "rows first": ((180, 540, 270, 630), "0 <= y1 < y2 <= 300"),
        "outside": ((850, 100, 950, 190), "901 x 300 pixels"),
    },
    "05a.4": {
        "the bug itself": (predicted("net.eval()", "pass"), "running statistics of batch norm have changed"),
        "the worst class": (predicted("argmax", "argmin"), "best score"),
        "only batch norm": (
            predicted(
                "net.eval()", "[each.eval() for each in net.modules() if isinstance(each, nn.BatchNorm2d)]"
            ),
            "Is all of the net in evaluation mode",
        ),
        "with the batch": (lambda net, image: predict_map(net, image)[None], "of shape (9, 11)"),
        "the other mode": (edited(predict_map, "net.eval()", "net.train(not net.training)"), "A second call"),
    },
}

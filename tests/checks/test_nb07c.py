"""Wrong answers to the exercises of notebook 07c, and the words each must be told."""

from seglib.course.content.nb07c.answers import affordable, labelling_minutes, my_choice, share_of_gain


def priced(change):
    return lambda objects, masked, *prices: labelling_minutes(objects, masked, *change(*prices))


def chosen(key, fits=lambda minutes, limit: minutes <= limit):
    def choose(minutes, quality, limit):
        within = [name for name in minutes if fits(minutes[name], limit)]
        return max(within, key=lambda name: key(minutes[name], quality[name]), default="nothing")

    return choose


def by(key, price=lambda one: len(one.boxes)):
    """Images from the highest key to the lowest, as long as there is time."""

    def choose(annotations, sizes, mask_minutes, minutes):
        chosen = []
        for index in sorted(range(len(annotations)), key=lambda index: key(annotations[index]), reverse=True):
            cost = mask_minutes * price(annotations[index])
            if cost <= minutes:
                chosen.append(index)
                minutes -= cost
        return chosen

    return choose


def area(one):
    return float((one.boxes[:, 2:] - one.boxes[:, :2]).prod(1).double().mean())


WRONG = {
    "07c.1": {
        "seconds": (lambda *given: 60 * labelling_minutes(*given), "Minutes are asked for"),
        "images in place of objects": (
            lambda objects, *given: labelling_minutes([1] * len(objects), *given),
            "Each object of an image",
        ),
        "a box for every mask": (priced(lambda box, mask: (box, box + mask)), "paid for a box too"),
        "the masks alone": (priced(lambda box, mask: (0, mask)), "The other images have boxes"),
        "rounded": (lambda *given: round(labelling_minutes(*given), 2), "yours is"),
        "another price": (priced(lambda *_: (7, 79)), "yours is"),
        "swapped": (priced(lambda box, mask: (mask, box)), "yours is"),
    },
    "07c.2": {
        "the best of all": (chosen(lambda minutes, quality: quality, lambda *_: True), "more than there is"),
        "the cheapest": (chosen(lambda minutes, quality: -minutes), "is not the best"),
        "most points a minute": (chosen(lambda minutes, quality: quality / minutes), "is not the best"),
        "the first of two": (chosen(lambda minutes, quality: quality), "takes less time"),
        "strictly below": (
            chosen(lambda minutes, quality: (quality, -minutes), lambda minutes, limit: minutes < limit),
            "may be used up",
        ),
        "always one": (lambda *given: affordable(*given).replace("nothing", "boxes"), "return 'nothing'"),
    },
    "07c.3": {
        "every fourth": (lambda annotations, *_: list(range(0, len(annotations), 4)), "wrong in more"),
        "as they come": (by(lambda one: 0), "is asked for"),
        "small boxes": (by(lambda one: -area(one)), "is asked for"),
        "many objects": (by(lambda one: len(one.boxes)), "counts all classes the same"),
        "all of them": (lambda annotations, *_: list(range(len(annotations))), "and there are"),
        "priced by the image": (by(lambda one: len(one.boxes), lambda one: 1), "min for each"),
        "none": (lambda *_: [], "There is time for another image"),
        "one twice": (lambda *_: [0, 0], "more than once"),
        "counted from 1": (lambda annotations, *_: [len(annotations)], "There is no image"),
        "the best alone": (lambda *given: my_choice(*given)[:1], "There is time for another image"),
        "yes or no": (lambda annotations, *_: [True] * len(annotations), "should return a list"),
    },
    "07c.4": {
        "the bug itself": (lambda net, full, lazy: net / full, "still the ratio"),
        "from two zeros": (lambda net, full, lazy: (net - lazy) / full, "full supervision from 0"),
        "the gain": (lambda net, full, lazy: net - lazy, "that is the gain itself"),
        "what is missing": (lambda net, full, lazy: 1 - share_of_gain(net, full, lazy), "the share is"),
        "no case for no gain": (
            lambda net, full, lazy: (net - lazy) / (full - lazy or 1),
            "nothing was gained",
        ),
        "never above 1": (lambda *given: min(1.0, share_of_gain(*given)), "the share is 1.25"),
        "never below 0": (lambda *given: max(0, share_of_gain(*given)), "the share is -0.25"),
    },
}

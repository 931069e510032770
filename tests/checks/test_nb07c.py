"""Wrong answers to the exercises of notebook 07c, and the words each must be told."""

from seglib.course.content.nb07c.answers import affordable, labelling_minutes, my_choice, share_of_gain
from tests.mutation import edited


def ranked(key):
    return edited(affordable, "(quality[name], -minutes[name])", key)


def in_order_of(key):
    return edited(my_choice, "area[index], reverse", f"{key}, reverse")


OBJECTS = "len(annotations[index].boxes)"
WRONG = {
    "07c.1": {
        "seconds": (edited(labelling_minutes, " / 60", ""), "Minutes are asked for"),
        "images in place of objects": (edited(labelling_minutes, "count * ", ""), "Each object of an image"),
        "a box for every mask": (
            edited(labelling_minutes, "(mask_seconds", "(box_seconds + mask_seconds"),
            "paid for a box too",
        ),
        "the masks alone": (
            edited(labelling_minutes, "else box_seconds", "else 0"),
            "The other images have boxes",
        ),
        "rounded": (lambda *given: round(labelling_minutes(*given), 2), "yours is"),
        "another price": (lambda objects, masked, *_: labelling_minutes(objects, masked, 7, 79), "yours is"),
        "the first image with as many objects": (
            edited(labelling_minutes, "index in", "objects.index(count) in"),
            "masks in the images [3]",
        ),
        "swapped": (edited(labelling_minutes, "index in masked", "index not in masked"), "yours is"),
    },
    "07c.2": {
        "the best of all": (edited(affordable, "<= limit", "< 999"), "more than there is"),
        "the cheapest": (ranked("-minutes[name]"), "is not the best"),
        "most points a minute": (ranked("quality[name] / minutes[name]"), "is not the best"),
        "the first of two": (ranked("quality[name]"), "takes less time"),
        "strictly below": (edited(affordable, "<= limit", "< limit"), "may be used up"),
        "the dearest": (ranked("minutes[name]"), "'clicks' is not the best"),
        "both dicts in step": (
            lambda minutes, quality, limit: affordable(minutes, dict(zip(minutes, quality.values())), limit),
            "in another order",
        ),
        "always one": (lambda *given: affordable(*given).replace("nothing", "boxes"), "return 'nothing'"),
    },
    "07c.3": {
        "every fourth": (lambda annotations, *_: list(range(0, len(annotations), 4)), "wrong in more"),
        "as they come": (in_order_of("0"), "is asked for"),
        "small boxes": (in_order_of("-area[index]"), "is asked for"),
        "many objects": (in_order_of(OBJECTS), "counts all classes the same"),
        "all of them": (lambda annotations, *_: list(range(len(annotations))), "and there are"),
        "priced by the image": (edited(my_choice, f"{OBJECTS} * mask", "mask"), "min for each"),
        "the published price": (edited(my_choice, "* mask_minutes", "* 79 / 60"), "At 2 min for each"),
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

"""labels: classes, masks in colour, masks in words."""

import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from seglib.labels import Classes, describe, from_color, percent, position, shares, to_color
from tests.refused import refused

PETS = Classes.of("background", "cat", "dog")
#                        3 x 4 pixels: two of cat in the lower left, one of dog, one void
MASK = torch.tensor([[0, 0, 0, 0], [0, 0, 0, 2], [1, 1, 0, 255]], dtype=torch.uint8)


def test_classes_have_a_length_names_and_indices():
    assert (len(PETS), PETS.index("dog"), PETS.background) == (3, 2, 0)
    assert list(PETS) == ["background", "cat", "dog"]
    assert Classes.of("sky", "road").background is None
    assert Classes.of("background", "cat", "dog") == PETS and hash(PETS) == hash(Classes.of(*PETS))


test_impossible_classes_are_refused = refused(
    Classes,
    ((), (), "1 to 255 classes, not 0"),
    (tuple(map(str, range(256))), ((0, 0, 0),) * 256, "1 to 255 classes, not 256"),
    (("a", "b"), ((0, 0, 0),), "2 names and 1 colours"),
    (("a", "a"), ((0, 0, 0), (1, 1, 1)), "two classes are called 'a'"),
    (("a", "b"), ((1, 1, 1), (1, 1, 1)), r"have the colour \(1, 1, 1\)"),
    (("a", "b"), ((1, 1, 1), (224, 224, 192)), r"a class and void, have the colour \(224, 224, 192\)"),
    (("a",), ((0, 0, 256),), r"\(0, 0, 256\) is not .* from 0 to 255"),
    (("a",), ((0, 0),), r"\(0, 0\) is not \(red, green, blue\)"),
)


def test_a_mask_is_painted_in_its_colours():
    image = to_color(MASK, PETS)
    assert image.dtype == torch.uint8 and image.shape == (3, 3, 4)
    assert tuple(image[:, 0, 0].tolist()) == PETS.colors[0] == (0, 0, 0)
    assert tuple(image[:, 2, 0].tolist()) == PETS.colors[1]
    assert tuple(image[:, 2, 3].tolist()) == PETS.void_color


@given(st.lists(st.sampled_from([0, 1, 2, 255]), min_size=1, max_size=50))
@settings(deadline=None, derandomize=True)
def test_colours_lead_back_to_the_mask(values):
    mask = torch.tensor([values])
    back = from_color(to_color(mask, PETS), PETS)
    assert back.dtype == torch.uint8 and back.tolist() == mask.tolist()


def test_255_classes_fit():
    classes = Classes.of("background", *map(str, range(254)))
    mask = torch.arange(256).reshape(16, 16)
    assert torch.equal(from_color(to_color(mask, classes), classes), mask.byte())


test_an_unknown_name_is_answered_with_those_there_are = refused(
    PETS.index,
    ("cow", "no class is called 'cow'; the classes are background, cat, dog"),
    ("backgroud", "no class is called 'backgroud'; did you mean 'background'"),
)
test_only_a_colour_image_can_be_read_and_of_known_colours = refused(
    lambda image: from_color(image, PETS),
    (MASK, r"a colour mask must be a tensor \(3, H, W\) uint8"),
    (torch.zeros(3, 2, 2), r"a colour mask must be a tensor \(3, H, W\) uint8"),
    (torch.full((3, 1, 1), 255).byte(), r"\(255, 255, 255\) at \(x, y\) = \(0, 0\)"),  # above all known ones
)
test_what_is_no_mask_has_no_shares = refused(
    lambda mask: shares(mask, PETS), (MASK[:0], "the mask is"), (MASK.float(), "the mask is")
)


def test_an_unknown_colour_is_named_with_its_place():
    image = to_color(MASK, PETS)
    image[:, 1, 2] = image[:, 2, 0] = torch.tensor([1, 2, 3], dtype=torch.uint8)
    image[:, 2, 1] = 9  # a second unknown colour, later
    with pytest.raises(ValueError, match=r"^.*\(1, 2, 3\) at \(x, y\) = \(2, 1\), 2 pixels of it.*$"):
        from_color(image, PETS)


test_a_value_that_is_no_class_is_named = refused(
    lambda function, value: function(MASK.int() + (MASK == 1) * (value - 1), PETS),
    *((function, 3, r"value 3 in 2 pixels.*0\.\.2") for function in (shares, to_color, describe)),
    *((function, -1, "value -1 in 2 pixels") for function in (shares, to_color, describe)),
)


def test_a_mask_in_words():
    assert describe(MASK, PETS) == (
        "cat 17 %, lower left, touches the lower and left edges; "
        "dog 8 %, centre right, touches the right edge; background 67 %; void 8 %"
    )
    assert describe(torch.zeros(2, 2).long(), PETS) == "background 100 %"
    assert describe(torch.full((2, 2), 255), PETS) == "void 100 %"
    assert describe(torch.ones(3, 3).long(), PETS) == "cat 100 %, centre, touches all four edges"


def test_words_neither_lose_a_little_nor_round_up_to_all():
    mask = torch.zeros(100, 100, dtype=torch.long)
    mask[50, 50] = 1
    assert describe(mask, PETS) == "cat under 1 %, centre; background over 99 %"
    assert [percent(share) for share in (0, 0.0001, 0.01, 0.5, 0.99, 0.9999, 1)] == [
        "0 %", "under 1 %", "1 %", "50 %", "99 %", "over 99 %", "100 %"
    ]  # fmt: skip


def test_the_nine_places_and_the_edges_it_touches():
    rows, columns = zip((1, 4, 7), ("upper", "centre", "lower")), zip((1, 4, 7), ("left", "centre", "right"))
    for (y, row), (x, column) in itertools.product(rows, columns):
        where = torch.zeros(9, 9, dtype=torch.bool)
        where[y, x] = True
        assert position(where) == (f"{row} {column}" if (y, x) != (4, 4) else "centre")
    where = torch.zeros(9, 9, dtype=torch.bool)
    where[0, 2:7] = True
    assert position(where) == "upper centre, touches the upper edge"
    where[:, 0] = True
    assert position(where).endswith("touches the upper, lower and left edges")

# ruff: noqa
# mypy: ignore-errors
"""The course's own answers, taken from notebooks/source/07c_cost.py by `make notebooks`. Edit them there."""


def labelling_minutes(objects, masked, box_seconds, mask_seconds):
    seconds = 0
    for index, count in enumerate(objects):
        seconds += count * (mask_seconds if index in masked else box_seconds)
    return seconds / 60


def affordable(minutes, quality, limit):
    within = [name for name in minutes if minutes[name] <= limit]
    return max(within, key=lambda name: (quality[name], -minutes[name]), default="nothing")


def my_choice(annotations, sizes, mask_minutes, minutes):
    chosen, area = [], []  # pixels of a box, on average: a mask is paid for by the object, whatever its size
    for one in annotations:
        area.append((one.boxes[:, 2:] - one.boxes[:, :2]).prod(1).sum() / max(1, len(one.boxes)))
    for index in sorted(range(len(area)), key=lambda index: area[index], reverse=True):
        price = len(annotations[index].boxes) * mask_minutes
        if price <= minutes:
            chosen.append(index)
            minutes -= price
    return chosen


def share_of_gain(net, full, lazy):
    return (net - lazy) / (full - lazy) if full > lazy else 0.0

import pytest

from seglib import machine as profiles


@pytest.mark.parametrize("name", ["tiny", "laptop"])
def test_the_variable_decides_and_the_cpu_is_used(name):
    profile = profiles.pick_profile({"SEGLIB_PROFILE": f" {name.upper()} "})
    assert (profile.name, profile.device) == (name, "cpu")


def test_an_unknown_name_is_told_the_three():
    with pytest.raises(ValueError, match="'huge'; it may be tiny, laptop or gpu"):
        profiles.pick_profile({"SEGLIB_PROFILE": "huge"})


def test_gpu_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(profiles, "accelerator", lambda: "cpu")
    with pytest.raises(ValueError, match="no CUDA device"):
        profiles.pick_profile({"SEGLIB_PROFILE": "gpu"})


@pytest.mark.parametrize(
    ("device", "cores", "memory", "name"),
    [("cuda", 2, 2, "gpu"), ("cpu", 1, 64, "tiny"), ("cpu", 8, 3.5, "tiny"),
     ("cpu", 2, 4, "laptop"), ("cpu", 64, 500, "laptop")],
)  # fmt: skip
def test_the_machine_decides(monkeypatch, device, cores, memory, name):
    monkeypatch.setattr(profiles, "accelerator", lambda: device)
    monkeypatch.setattr(profiles, "cores", lambda: cores)
    monkeypatch.setattr(profiles, "memory", lambda: memory)
    profile = profiles.pick_profile({})
    assert profile.name == name and profile.why
    assert profile.device == (device if name == "gpu" else "cpu")

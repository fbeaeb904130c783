"""The public face: every name is there, explained, and loaded only when asked for."""

import re
import subprocess
import sys

import pytest

import mer_utils as mer


def test_it_offers_20_to_30_names_with_a_line_of_help_each():
    assert 20 <= len(mer.__all__) <= 30
    explained = re.findall(r"^``mer\.(\w+)`` +\S.{10,}$", mer.__doc__, re.M)
    assert sorted(explained) == mer.__all__
    assert set(mer.__all__) <= set(dir(mer))


@pytest.mark.parametrize("name", mer.__all__)
def test_every_name_is_there_and_says_what_it_is(name):
    value = getattr(mer, name)
    assert value is getattr(mer, name)
    assert not callable(value) or value.__doc__


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        mer.nonsense  # noqa: B018


def test_the_import_alone_loads_neither_torch_nor_matplotlib():
    heavy = "torch", "matplotlib", "pandas", "numpy"
    code = f"import sys, mer_utils; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"

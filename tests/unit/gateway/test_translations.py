"""Every text of the console has its translation in the compiled catalogue."""

import gettext
import re
from pathlib import Path

import pytest
from django.utils.translation import override

from apps.gateway.words import WORDS

ROOT = Path(__file__).resolve().parents[3]
CATALOGUE = ROOT / "locale" / "zh_Hant" / "LC_MESSAGES" / "django.mo"
TRANSLATED = re.compile(r"""\{% translate (?:"([^"]+)"|'([^']+)') %\}""")


@pytest.fixture(scope="module")
def known() -> set[str]:
    with CATALOGUE.open("rb") as file:
        return set(gettext.GNUTranslations(file)._catalog)


@pytest.mark.parametrize(
    "path", sorted((ROOT / "templates").rglob("*.html")), ids=lambda path: path.name
)
def test_every_text_of_a_template_is_translated(path, known):
    texts = {double or single for double, single in TRANSLATED.findall(path.read_text())}
    assert texts <= known


def test_every_word_of_the_scripts_is_translated(known):
    with override("en"):
        assert {str(word) for word in WORDS.values()} <= known

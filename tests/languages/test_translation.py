"""Prompts in other languages: what they are read as, and that English ones stay."""

from dataclasses import replace

import pytest

from soundsift.data.captions import GROUPS, load_rules
from soundsift.errors import SoundsiftError
from soundsift.evaluation.unseen_prompts import UNSEEN_PROMPTS
from soundsift.languages.translation import translate
from soundsift.prompts import Prompt, check_removal
from soundsift.spans import Span

#: English that the bank does not have, with words that are also foreign ones.
ENGLISH = """
canoe paddling, puppy woofing, barn door, cane tapping, air, mare galloping, stem, chat, train,
wind, motor, radio, piano, solo guitar, alarm, tank, bus, gong, klaxon, espresso machine,
croissant, kindergarten children, poltergeist, karaoke, maracas, bongos, banjos, mandolin
plucking, tuba solo, beethoven on a klavier, hip hop beat, ukelele, guittar, dog barkign, violn,
sax solo, mosquito, tortilla frying, sombrero falling, ice cream van, mariachi band, yodeling,
didgeridoos, samba drums, fiesta crowd, siesta snoring, ballet shoes, pan sizzling, cat mewing,
kitty purring, telephone prompts, sound of thé kettle, email alert, cello and viola, fan,
printer, mixer, die cutting machine, rot, bad singing, brand, gift wrapping, hell, handy drill,
mist horn, rapping, a man, the woman, car, sauna steam, tango, polka, ski lift, robot, fjord
ferry, angst, taco bell, delicatessen, rendezvous
"""


@pytest.mark.parametrize(
    ("typed", "language", "english"),
    [
        ("der bellende Hund", "de", "dog barking"),
        ("Bitte entferne den Hund!", "de", "remove dog barking"),
        ("alles außer der Stimme", "de", "everything but speech"),
        ("Kuehe", "de", "cow mooing"),
        ("Klaviermusik", "de", "piano"),
        ("le train", "fr", "train"),
        ("pas le chien", "fr", "without dog barking"),
        ("tout sauf la voix", "fr", "everything but speech"),
        ("un chien qui aboie et de l'eau", "fr", "dog barking, water"),
        ("perro ladrando", "es", "dog barking"),
        ("sin música de fondo", "es", "without background music"),
        ("il cane che abbaia", "it", "dog barking"),
        ("cachorro latindo", "pt", "dog barking"),
        ("alles behalve de muziek", "nl", "everything but music"),
        ("szczekającego psa", "pl", "dog barking"),
        ("utan musik", "sv", "without music"),
        ("kör", "sv", "choir singing"),
        ("köpeğin havlaması", "tr", "dog barking"),
        ("anjing menggonggong", "id", "dog barking"),
        ("собаку", "ru", "dog barking"),
        ("убери фоновую музыку", "ru", "remove background music"),
        ("нявчання кішки", "uk", "cat meowing"),
        ("стрибаючого м’яча", "uk", "bouncing ball"),
        ("كلب وقطة", "ar", "dog barking, cat meowing"),
        ("نباح الكلب", "ar", "dog barking"),
        ("صوت المطر والرعد", "ar", "rain, thunder"),
        ("कुत्ते का भौंकना", "hi", "dog barking"),
        ("一只狗在叫", "zh", "dog barking"),
        ("鋼琴和小提琴", "zh", "piano, violin"),
        ("除了人声以外", "zh", "everything but speech"),
        ("犬が吠えている", "ja", "dog barking"),
        ("女の人が歌っている", "ja", "woman singing"),
        ("ピアノの音を消して", "ja", "remove piano"),
        ("개가 짖는 소리를 제거해줘", "ko", "remove dog barking"),
    ],
)
def test_languages_are_found_out(typed, language, english):
    read = translate(typed.lower())
    assert read is not None
    assert (read.language, read.english, read.left_out) == (language, english, ())
    assert translate(typed.lower(), language).english == english


@pytest.mark.parametrize(
    ("typed", "english"),
    [
        ("hunnd bellt", "dog barking"),
        ("gitare", "guitar"),
        ("скрыпка", "violin"),
        ("perrro ladrando", "dog barking"),
    ],
)
def test_mistakes(typed, english):
    read = translate(typed)
    assert (None if read is None else read.english) == english


def test_english_stays():
    concepts = load_rules().concepts.values()
    known = [caption for concept in concepts for caption in concept.captions]
    known += [phrase for phrases in GROUPS.values() for phrase in phrases]
    known += [*GROUPS, *UNSEEN_PROMPTS, *" ".join(ENGLISH.split()).split(", ")]
    changed = {phrase: str(read) for phrase in known if (read := translate(phrase.lower()))}
    assert not changed


def test_a_word_of_two_languages_is_english_unless_one_is_given():
    assert translate("wind") is None
    assert translate("wind", "de").english == "wind blowing"
    assert translate("cane", "it").english == "dog barking"
    assert translate("cane", "en") is None


def test_what_is_not_known_is_said():
    partly = translate("großer brauner hund bellt")
    assert (partly.english, partly.left_out) == ("dog barking", ("großer", "brauner"))
    assert "left out: großer, brauner" in str(partly)
    unknown = translate("das quietschen der schaukel")
    assert unknown.english == unknown.typed
    assert "Not in the German lexicon" in str(unknown)
    greek = translate("σκύλος")
    assert (greek.language, greek.not_found) == (None, ("σκύλος",))


def test_prompts():
    prompt = Prompt("Der Hund, Katze")
    assert prompt.text == "dog barking, cat meowing"
    assert prompt.described()["translation"]["typed"] == "der hund, katze"
    assert all(part.translation is prompt.translation for part in prompt.parts())
    assert Prompt(prompt.text) == prompt
    assert "translation" not in Prompt("dog barking").described()
    assert Prompt("ohne Hund, Katze und Regen").phrases.inverted
    typed = replace(Prompt("Hund, Katze", language="en"), spans=(Span(0, 1),))
    assert [part.text for part in typed.parts()] == ["hund", "katze"]
    with pytest.raises(SoundsiftError, match="music without vocals"):
        Prompt("Musik ohne Gesang")
    with pytest.raises(SoundsiftError, match="Unknown language 'xx'"):
        Prompt("Hund", language="xx")
    with pytest.raises(SoundsiftError, match="two ways"):
        check_removal("nur die Stimme")
    check_removal("entferne die Stimme")

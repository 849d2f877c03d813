"""Twenty prompts that occur nowhere in training, and which sound each of them means."""

from __future__ import annotations

from soundsift.data.captions import GROUPS, load_rules

#: Prompt to concept. Every concept has test clips, and training knows it by other words.
UNSEEN_PROMPTS: dict[str, str] = {
    "puppy woofing": "dog barking",
    "someone chatting": "person speaking",
    "a guy having a conversation": "man speaking",
    "lady reading aloud": "woman speaking",
    "ringing smartphone": "phone ringtone",
    "symphony musicians": "orchestral music",
    "edm track": "electronic music",
    "soundtrack in the background": "background music",
    "someone practising the piano": "piano",
    "pipes of a church instrument": "church organ",
    "ticking closed hats": "hi-hat",
    "thumping kick": "bass drum",
    "snare being struck": "snare drum",
    "logs burning in a fireplace": "fire crackling",
    "windy day outdoors": "wind blowing",
    "tide rolling onto the beach": "ocean waves",
    "stallion neighing": "horse neighing",
    "cow calling in a field": "cow mooing",
    "bottle being smashed": "glass breaking",
    "terrified lady shrieking": "woman screaming",
}


def check_unseen() -> None:
    """Make sure that no prompt is a phrase that training may use.

    Raises:
        ValueError: naming the prompts that are, or whose concept does not exist.
    """
    concepts = load_rules().concepts
    known = {phrase for concept in concepts.values() for phrase in concept.captions}
    known |= {phrase for phrases in GROUPS.values() for phrase in phrases}
    if seen := sorted(UNSEEN_PROMPTS.keys() & known):
        raise ValueError(f"training knows these prompts: {seen}")
    if missing := sorted(set(UNSEEN_PROMPTS.values()) - concepts.keys()):
        raise ValueError(f"no such concepts: {missing}")

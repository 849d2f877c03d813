"""What each generator makes: its concept, how long it lasts, and whether it goes on or happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from soundsift.data.procedural import (
    aircraft,
    alarms,
    bells,
    blasts,
    clocks,
    drums,
    engines,
    footsteps,
    insects,
    phones,
    water,
    weather,
)
from soundsift.data.procedural.synthesis import Samples


class Generate(Protocol):
    """A generator of sound."""

    def __call__(
        self, generator: np.random.Generator, seconds: float, sample_rate: int = 48000
    ) -> Samples:
        """One sound of the given length: samples `(samples,)` with a peak of at most 1."""
        ...


@dataclass(frozen=True)
class Sound:
    """One line of the table.

    Attributes:
        generate: the generator.
        concept: a concept of the caption rules.
        kind: one of `captions.KINDS`, the same as the concept's.
        seconds: bounds of the typical duration.
        sustained: whether it goes on without gaps, rather than as events.
    """

    generate: Generate
    concept: str
    kind: str
    seconds: tuple[float, float]
    sustained: bool


SOUNDS: dict[str, Sound] = {
    # Sirens and alarms.
    "police_siren": Sound(alarms.police_siren, "siren", "effect", (3, 8), True),
    "air_raid_siren": Sound(alarms.air_raid_siren, "air raid siren", "effect", (5, 9), True),
    "smoke_alarm": Sound(alarms.smoke_alarm, "smoke alarm", "effect", (3, 7), False),
    "alarm_clock": Sound(alarms.alarm_clock, "alarm clock", "effect", (2, 6), False),
    "alarm_bell": Sound(alarms.alarm_bell, "alarm bell", "effect", (2, 6), True),
    "car_alarm": Sound(alarms.car_alarm, "car alarm", "effect", (4, 8), True),
    "buzzer": Sound(alarms.buzzer, "buzzer", "effect", (1, 4), False),
    "reversing_beeper": Sound(
        alarms.reversing_beeper, "truck reversing beeper", "effect", (3, 6), False
    ),
    # Telephones and beeps.
    "old_telephone": Sound(phones.old_telephone, "telephone ringing", "effect", (3, 7), False),
    "electronic_phone": Sound(
        phones.electronic_phone, "telephone ringing", "effect", (3, 7), False
    ),
    "mobile_ringtone": Sound(phones.mobile_ringtone, "phone ringtone", "music", (3, 7), False),
    "touch_tones": Sound(phones.touch_tones, "phone dialling", "effect", (2, 5), False),
    "busy_tone": Sound(phones.busy_tone, "busy tone", "effect", (2, 5), False),
    "microwave_oven": Sound(phones.microwave_oven, "microwave oven", "effect", (4, 7), True),
    "beep": Sound(phones.beep, "beep", "effect", (1, 4), False),
    # Clocks.
    "clock_ticking": Sound(clocks.clock_ticking, "clock ticking", "effect", (3, 7), False),
    "clock_chime": Sound(clocks.clock_chime, "clock striking", "effect", (5, 9), False),
    "cuckoo_clock": Sound(clocks.cuckoo_clock, "cuckoo clock", "effect", (3, 7), False),
    # Bells, bars and glasses.
    "church_bell": Sound(bells.church_bell, "church bell", "effect", (4, 9), False),
    "hand_bell": Sound(bells.hand_bell, "bell ringing", "effect", (1, 4), False),
    "bicycle_bell": Sound(bells.bicycle_bell, "bicycle bell", "effect", (1, 4), False),
    "doorbell": Sound(bells.doorbell, "doorbell", "effect", (2, 5), False),
    "crossing_bell": Sound(bells.crossing_bell, "level crossing bell", "effect", (3, 7), False),
    "wind_chimes": Sound(bells.wind_chimes, "wind chimes", "instrument", (4, 8), False),
    "gong": Sound(bells.gong, "gong", "instrument", (4, 8), False),
    "singing_bowl": Sound(bells.singing_bowl, "singing bowl", "instrument", (4, 8), True),
    "glockenspiel": Sound(bells.glockenspiel, "glockenspiel", "instrument", (3, 7), False),
    "marimba": Sound(bells.marimba, "marimba", "instrument", (3, 7), False),
    "xylophone": Sound(bells.xylophone, "xylophone", "instrument", (3, 7), False),
    "glass_clinking": Sound(bells.glass_clinking, "glass clinking", "effect", (1, 4), False),
    "wine_glass": Sound(bells.wine_glass, "rubbing a wine glass", "effect", (3, 7), True),
    # Engines and aircraft.
    "car_engine": Sound(engines.car_engine, "car engine", "effect", (4, 8), True),
    "motorcycle": Sound(engines.motorcycle, "motorcycle", "effect", (4, 8), True),
    "truck": Sound(engines.truck, "truck driving", "effect", (4, 8), True),
    "lawn_mower": Sound(engines.lawn_mower, "lawn mower", "effect", (4, 8), True),
    "chainsaw": Sound(engines.chainsaw, "chainsaw", "effect", (4, 8), True),
    "boat": Sound(engines.boat, "motor boat", "effect", (4, 8), True),
    "propeller_airplane": Sound(
        aircraft.propeller_airplane, "propeller aircraft engine", "effect", (4, 9), True
    ),
    "helicopter": Sound(aircraft.helicopter, "helicopter", "effect", (4, 9), True),
    "jet_flyby": Sound(aircraft.jet_flyby, "jet flyby", "effect", (5, 9), True),
    "jet_engine": Sound(aircraft.airliner_cabin, "jet engine", "effect", (4, 8), True),
    # Weather.
    "wind": Sound(weather.wind, "wind blowing", "ambience", (5, 10), True),
    "leaves_rustling": Sound(weather.leaves_rustling, "leaves rustling", "effect", (3, 8), True),
    "light_rain": Sound(weather.light_rain, "rain", "ambience", (5, 10), True),
    "heavy_rain": Sound(weather.heavy_rain, "rain", "ambience", (5, 10), True),
    "rain_on_roof": Sound(weather.rain_on_roof, "rain", "ambience", (5, 10), True),
    "thunder": Sound(weather.thunder, "thunder", "effect", (3, 8), False),
    # Water.
    "dripping": Sound(water.dripping, "water dripping", "effect", (3, 7), False),
    "stream": Sound(water.stream, "stream flowing", "ambience", (5, 9), True),
    "waterfall": Sound(water.waterfall, "waterfall", "ambience", (5, 9), True),
    "ocean_waves": Sound(water.ocean_waves, "ocean waves", "ambience", (6, 12), True),
    "bubbles": Sound(water.bubbles, "water bubbles", "effect", (2, 6), True),
    "boiling": Sound(water.boiling, "water boiling", "effect", (4, 8), True),
    "pouring": Sound(water.pouring, "liquid pouring", "effect", (2, 6), True),
    "toilet_flush": Sound(water.toilet_flush, "toilet flushing", "effect", (5, 9), True),
    "running_tap": Sound(water.running_tap, "running tap", "effect", (3, 8), True),
    "splash": Sound(water.splash, "water splash", "effect", (1.5, 4), False),
    # Fire and blasts.
    "fire": Sound(blasts.fire, "fire crackling", "ambience", (5, 9), True),
    "gunshot": Sound(blasts.gunshot, "gunshot", "effect", (1, 4), False),
    "machine_gun": Sound(blasts.machine_gun, "machine gun fire", "effect", (2, 4), False),
    "explosion": Sound(blasts.explosion, "explosion", "effect", (2, 6), False),
    "fireworks": Sound(blasts.fireworks, "fireworks", "effect", (4, 8), False),
    # Footsteps.
    "footsteps_on_wood": Sound(
        footsteps.footsteps_on_wood, "footsteps on wood", "effect", (2, 6), False
    ),
    "footsteps_on_concrete": Sound(
        footsteps.footsteps_on_concrete, "footsteps on stone", "effect", (2, 6), False
    ),
    "footsteps_on_metal": Sound(
        footsteps.footsteps_on_metal, "footsteps on metal", "effect", (2, 6), False
    ),
    "footsteps_on_gravel": Sound(
        footsteps.footsteps_on_gravel, "footsteps on gravel", "effect", (2, 6), False
    ),
    "footsteps_in_snow": Sound(
        footsteps.footsteps_in_snow, "footsteps in snow", "effect", (2, 6), False
    ),
    "footsteps_in_leaves": Sound(
        footsteps.footsteps_in_leaves, "footsteps in leaves", "effect", (2, 6), False
    ),
    "footsteps_on_grass": Sound(
        footsteps.footsteps_on_grass, "footsteps on grass", "effect", (2, 6), False
    ),
    # Insects.
    "crickets": Sound(insects.crickets, "crickets chirping", "ambience", (4, 9), False),
    "cicadas": Sound(insects.cicadas, "cicadas", "ambience", (4, 9), True),
    "bees": Sound(insects.bees, "bees buzzing", "effect", (3, 7), True),
    "mosquito": Sound(insects.mosquito, "mosquito buzzing", "effect", (3, 6), True),
    "fly": Sound(insects.fly, "fly buzzing", "effect", (3, 6), False),
    # Drums.
    "kick_drum": Sound(drums.kick_drum, "bass drum", "instrument", (2, 6), False),
    "snare_drum": Sound(drums.snare_drum, "snare drum", "instrument", (2, 6), False),
    "tom_drum": Sound(drums.tom_drum, "tom drum", "instrument", (2, 6), False),
    "hi_hat": Sound(drums.hi_hat, "hi-hat", "instrument", (2, 6), False),
    "crash_cymbal": Sound(drums.crash_cymbal, "cymbal crash", "instrument", (2, 6), False),
    "drum_kit": Sound(drums.drum_kit, "drum beat", "instrument", (4, 8), False),
}

"""What each generator makes: its concept, how long it lasts, and whether it goes on or happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from soundsift.data.procedural import (
    aircraft,
    alarms,
    animals,
    bells,
    birds,
    blasts,
    clocks,
    doors,
    drums,
    engines,
    footsteps,
    household,
    insects,
    machines,
    office,
    people,
    phones,
    strings,
    tools,
    trains,
    water,
    weather,
    winds,
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
    "reversing_beeper": Sound(alarms.reversing_beeper, "reversing beeper", "effect", (3, 6), False),
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
    "church_bell": Sound(bells.church_bell, "church bells", "effect", (4, 9), False),
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
    # Trains and horns.
    "car_horn": Sound(trains.car_horn, "car horn", "effect", (1, 4), False),
    "air_horn": Sound(trains.air_horn, "air horn", "effect", (1.5, 5), False),
    "train_horn": Sound(trains.train_horn, "locomotive horn", "effect", (3, 7), False),
    "ship_horn": Sound(trains.ship_horn, "ship horn", "effect", (3, 7), False),
    "steam_whistle": Sound(trains.steam_whistle, "train whistle", "effect", (2, 5), False),
    "bulb_horn": Sound(trains.bulb_horn, "bulb horn", "effect", (1, 4), False),
    "train_passing": Sound(trains.train_passing, "train", "effect", (5, 10), True),
    "steam_train": Sound(trains.steam_train, "steam train", "effect", (4, 9), True),
    # People.
    "crowd_murmur": Sound(people.crowd_murmur, "crowd murmuring", "ambience", (5, 9), True),
    "applause": Sound(people.applause, "applause", "ambience", (4, 9), True),
    "hand_claps": Sound(people.hand_claps, "hand clap", "instrument", (2, 5), False),
    "crowd_cheering": Sound(people.crowd_cheering, "crowd cheering", "ambience", (4, 9), True),
    "coughing": Sound(people.coughing, "coughing", "effect", (1, 4), False),
    "sneezing": Sound(people.sneezing, "sneezing", "effect", (1.2, 4), False),
    "snoring": Sound(people.snoring, "snoring", "effect", (4, 9), False),
    "baby_crying": Sound(people.baby_crying, "baby crying", "effect", (3, 8), False),
    "laughing": Sound(people.laughing, "person laughing", "effect", (1.5, 5), False),
    "heartbeat": Sound(people.heartbeat, "heartbeat", "effect", (3, 7), False),
    "whistling": Sound(people.whistling, "person whistling", "effect", (3, 7), True),
    # Birds.
    "bird_chirping": Sound(birds.bird_chirping, "bird chirping", "effect", (2, 7), False),
    "bird_trill": Sound(birds.bird_trill, "bird chirping", "effect", (2, 6), False),
    "falling_song": Sound(birds.falling_song, "bird chirping", "effect", (2, 7), False),
    "birds_singing": Sound(birds.birds_singing, "birds singing", "ambience", (4, 9), False),
    "owl": Sound(birds.owl, "owl hooting", "effect", (2, 6), False),
    "cuckoo": Sound(birds.cuckoo, "cuckoo calling", "effect", (2, 6), False),
    "pigeon": Sound(birds.pigeon, "pigeon cooing", "effect", (2, 6), False),
    "crow": Sound(birds.crow, "crow cawing", "effect", (1.5, 5), False),
    "seagull": Sound(birds.seagull, "seagull calling", "effect", (2, 7), False),
    "duck": Sound(birds.duck, "duck quacking", "effect", (1.5, 5), False),
    "rooster": Sound(birds.rooster, "rooster crowing", "effect", (2, 5), False),
    "woodpecker": Sound(birds.woodpecker, "woodpecker pecking", "effect", (2, 6), False),
    "wings": Sound(birds.wings, "wings flapping", "effect", (1, 4), False),
    # Frogs and mammals.
    "frogs": Sound(animals.frogs, "frogs croaking", "ambience", (3, 8), False),
    "dog_barking": Sound(animals.dog_barking, "dog barking", "effect", (1.5, 6), False),
    "sheep": Sound(animals.sheep, "sheep bleating", "effect", (1.5, 5), False),
    "cow": Sound(animals.cow, "cow mooing", "effect", (2, 5), False),
    "cat": Sound(animals.cat, "cat meowing", "effect", (1.5, 5), False),
    "cat_purring": Sound(animals.cat_purring, "cat purring", "effect", (3, 8), True),
    "wolf": Sound(animals.wolf, "wolf howling", "effect", (3, 7), False),
    # Strings.
    "guitar": Sound(strings.guitar, "acoustic guitar", "instrument", (3, 8), False),
    "harp": Sound(strings.harp, "harp", "instrument", (3, 8), False),
    "banjo": Sound(strings.banjo, "banjo", "instrument", (3, 7), False),
    "bass_guitar": Sound(strings.bass_guitar, "bass guitar", "instrument", (3, 7), False),
    "pizzicato": Sound(strings.pizzicato, "pizzicato strings", "instrument", (3, 7), False),
    "violin": Sound(strings.violin, "violin", "instrument", (3, 8), True),
    "cello": Sound(strings.cello, "cello", "instrument", (3, 8), True),
    # Winds, organs and reeds.
    "church_organ": Sound(winds.church_organ, "church organ", "instrument", (4, 9), True),
    "flute": Sound(winds.flute, "flute", "instrument", (3, 8), True),
    "brass": Sound(winds.brass, "trumpet", "instrument", (3, 8), True),
    "clarinet": Sound(winds.clarinet, "clarinet", "instrument", (3, 8), True),
    "accordion": Sound(winds.accordion, "accordion", "instrument", (3, 8), True),
    "harmonica": Sound(winds.harmonica, "harmonica", "instrument", (3, 8), True),
    "referee_whistle": Sound(winds.referee_whistle, "referee whistle", "effect", (1, 4), False),
    "slide_whistle": Sound(winds.slide_whistle, "slide whistle", "instrument", (1.5, 4), False),
    # Machines, hum and noise.
    "vacuum_cleaner": Sound(machines.vacuum_cleaner, "vacuum cleaner", "effect", (4, 9), True),
    "hair_dryer": Sound(machines.hair_dryer, "hair dryer", "effect", (4, 9), True),
    "fan": Sound(machines.fan, "fan whirring", "ambience", (4, 9), True),
    "drill": Sound(machines.drill, "electric drill", "effect", (2, 6), True),
    "circular_saw": Sound(machines.circular_saw, "circular saw", "effect", (3, 7), True),
    "electric_shaver": Sound(machines.electric_shaver, "electric shaver", "effect", (3, 7), True),
    "blender": Sound(machines.blender, "blender", "effect", (3, 7), True),
    "washing_machine": Sound(machines.washing_machine, "washing machine", "effect", (4, 9), True),
    "sewing_machine": Sound(machines.sewing_machine, "sewing machine", "effect", (3, 7), True),
    "electric_hum": Sound(machines.electric_hum, "electric hum", "ambience", (4, 9), True),
    "radio_static": Sound(machines.radio_static, "radio static", "effect", (3, 7), True),
    "white_noise": Sound(machines.white_noise, "white noise", "ambience", (3, 7), True),
    "printer": Sound(machines.printer, "printer", "effect", (3, 8), True),
    # Tools and work.
    "hammering": Sound(tools.hammering, "hammering", "effect", (2, 6), False),
    "blacksmith": Sound(tools.blacksmith, "blacksmith hammering", "effect", (2, 6), False),
    "sawing": Sound(tools.sawing, "sawing wood", "effect", (2, 7), True),
    "chopping_wood": Sound(tools.chopping_wood, "chopping wood", "effect", (2, 6), False),
    "jackhammer": Sound(tools.jackhammer, "jackhammer", "effect", (3, 7), True),
    "digging": Sound(tools.digging, "digging", "effect", (2, 6), False),
    "sweeping": Sound(tools.sweeping, "broom sweeping", "effect", (2, 6), False),
    "scissors": Sound(tools.scissors, "scissors cutting", "effect", (1.5, 5), False),
    # Doors and objects at home.
    "door_knock": Sound(doors.door_knock, "door knocking", "effect", (1, 4), False),
    "door_slam": Sound(doors.door_slam, "door closing", "effect", (1, 3), False),
    "door_creak": Sound(doors.door_creak, "door creaking", "effect", (1.5, 5), True),
    "glass_breaking": Sound(household.glass_breaking, "glass breaking", "effect", (1, 4), False),
    "dishes": Sound(household.dishes, "dishes clattering", "effect", (3, 7), False),
    "coins": Sound(household.coins, "coins", "effect", (1.5, 4), False),
    "keys": Sound(household.keys, "keys jingling", "effect", (1.5, 5), False),
    "crumpling_paper": Sound(
        household.crumpling_paper, "crumpling paper", "effect", (1.5, 5), True
    ),
    "page_turning": Sound(household.page_turning, "page turning", "effect", (1, 4), False),
    "ripping_paper": Sound(household.ripping_paper, "ripping paper", "effect", (1, 4), False),
    "zipper": Sound(household.zipper, "zipper", "effect", (1, 3), False),
    "camera_shutter": Sound(household.camera_shutter, "camera shutter", "effect", (1, 4), False),
    "pops": Sound(household.pops, "pop", "effect", (1, 3), False),
    # Keyboards and switches.
    "typing": Sound(office.typing, "keyboard typing", "effect", (3, 8), False),
    "typewriter": Sound(office.typewriter, "typewriter", "effect", (3, 8), False),
    "mouse_clicks": Sound(office.mouse_clicks, "mouse clicking", "effect", (1.5, 5), False),
    "switch_clicks": Sound(office.switch_clicks, "switch click", "effect", (1, 3), False),
    "stapler": Sound(office.stapler, "stapler", "effect", (1, 4), False),
}

"""The law that scenes and queries about them are drawn by, as a part of recipes.

Apart from `soundsift.data.scenes`, so that reading a recipe does not wait for PyTorch.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class SceneConfig(BaseModel):
    """Probabilities and ranges that scenes and queries are drawn from.

    Attributes:
        source_counts: probability of 1, 2, 3 ... sources, a bed not counted.
        kind_weights: how often each kind of sound is drawn.
        p_company: probability that all sources of a scene are heard at one place
            (`soundsift.data.places`).
        p_band: probability that the sources of a scene are a band: drums, bass, guitar, another
            instrument, a singer, of which some may be missing; `source_counts` does not hold then.
        offset_db: the largest difference of two sources' levels, but for quiet sources and beds.
        p_quiet, quiet_db: probability that a source of a scene of several is quiet, and the range
            of dB by which its level is lowered.
        p_bed, bed_db: probability of a bed of ambience, music or noise, and the range of its level
            against the average source, in dB.
        p_music_bed: probability that a bed is music.
        p_noise_bed: probability that another bed is synthetic noise, not a clip of ambience.
        p_slow_gain: probability that a source's level changes slowly.
        p_microphone: probability of one recording device's filter on the whole scene.
        speed, equaliser, band_limit, damage, room, p_far: probability of each effect, per source.
        absent: probability that a query names a sound that is not there.
        group: probability that a query names a group.
        drop_text, drop_spans: probability that a condition is withheld (never both).
        p_inline_example: probability that spans mark one moment as an example of the target, which
            may be heard elsewhere too.
        p_example_prompt: probability that every query of a scene comes with an example from another
            part of the scene (`soundsift.data.example_prompts`); scenes of 4 s and more.
        p_transient: probability that a source of such a scene begins late or ends early.
        p_wide_context: probability that such an example shows more of what surrounds the mark.
        p_same_clip: probability that a sound other than speech recurs as the same clip, not as
            another clip of its concept.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source_counts: tuple[float, ...] = Field((0.06, 0.5, 0.32, 0.12), min_length=1, max_length=6)
    kind_weights: dict[str, float] = {
        "speech": 0.24,
        "singing": 0.02,
        "music": 0.12,
        "instrument": 0.24,
        "effect": 0.32,
        "ambience": 0.06,
    }
    p_company: float = Field(default=0.0, ge=0, le=1)
    p_band: float = Field(default=0.0, ge=0, le=1)
    offset_db: float = 15.0
    p_quiet: float = Field(default=0.0, ge=0, le=1)
    quiet_db: tuple[float, float] = (4.0, 13.0)
    p_bed: float = Field(default=0.0, ge=0, le=1)
    bed_db: tuple[float, float] = (-24.0, -4.0)
    p_music_bed: float = Field(default=0.0, ge=0, le=1)
    p_noise_bed: float = Field(default=0.3, ge=0, le=1)
    p_slow_gain: float = Field(default=0.0, ge=0, le=1)
    p_microphone: float = Field(default=0.0, ge=0, le=1)
    speed: float = 0.5
    equaliser: float = 0.5
    band_limit: float = 0.15
    damage: float = 0.08
    room: float = 0.3
    p_far: float = Field(default=0.0, ge=0, le=1)
    absent: float = 0.08
    group: float = 0.2
    drop_text: float = 0.3
    drop_spans: float = 0.5
    p_inline_example: float = 0.0
    p_example_prompt: float = 0.0
    p_transient: float = 0.4
    p_wide_context: float = 0.0
    p_same_clip: float = 0.5

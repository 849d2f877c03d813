"""Training of the hearing network (`soundsift.models.hearing`)."""

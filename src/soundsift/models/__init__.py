"""Networks, one a file: velocity field, codecs, text and vision encoders, judge."""

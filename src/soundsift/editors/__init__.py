"""Scripts for audio editors: a selection and a prompt become named stems on new tracks."""

"""A listening test in the browser: two systems side by side, rated, chosen, analysed.

After the protocol of arXiv 2512.18099: the mixture, the prompt and two outputs; overall, recall,
precision and faithfulness from 1 to 5 for each output, then a forced choice between the two.
"""

"""From a recording and a prompt to target and residual.

Nothing is imported here: `separation.result` must not wait for PyTorch, which
`separation.separator` needs.
"""

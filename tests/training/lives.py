"""Lives of training runs, each in a process of its own, for `test_trainer`.

    lives.py CONFIG.yaml END [CONFIG.yaml END]...

END says how a life comes to its end: `done` (the run is finished), `step N` (killed within step N,
between the optimiser and the running average, with half a line of metrics written), `save N`
(killed with the first checkpoint from step N on half written), `later S` (killed from outside, S
seconds after its first checkpoint), `shared` (finished, by two processes as torchrun starts them).
Processes are forked from one that has imported all there is to import. The text encoder is
replaced by a small one.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401  (each life would import it anew)
import torch

from soundsift.training import checkpoint, trainer
from soundsift.training.config import TrainingConfig, load_training_config


class SmallEncoder:
    """Stands in for the text encoder: a few numbers per phrase."""

    def __init__(self, device: object = "cpu", packed: object = None) -> None:
        self.device = device

    def encode(self, phrase: str) -> torch.Tensor:
        states = torch.zeros(2, 384)
        for k, letter in enumerate(phrase.encode()):
            states[k % 2, letter % 384] += 1
        return states

    def encode_ahead(self, phrases: object) -> None:
        pass

    def encode_batch(self, phrases: list[str | None]) -> tuple[torch.Tensor, torch.Tensor]:
        states = torch.stack([self.encode(phrase or "") for phrase in phrases])
        present = torch.tensor([phrase is not None for phrase in phrases])
        return states, present[:, None].expand(-1, 2)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_within_step(run: Path, step: int) -> None:
    """Be killed between the optimiser and the running average, with half a line of metrics."""
    update = checkpoint.RunningAverage.update

    def deadly_update(self: checkpoint.RunningAverage, module: torch.nn.Module) -> None:
        if self.updates + 1 == step:
            with (run / "metrics.jsonl").open("a") as out:
                out.write('{"step": 40, "lo')
            die()
        update(self, module)

    checkpoint.RunningAverage.update = deadly_update


def live(config: TrainingConfig, end: str) -> None:
    how, _, number = end.partition(" ")
    trainer.TextEncoder = SmallEncoder
    if how == "step":
        die_within_step(config.run, int(number))
    elif how == "save":
        save = torch.save

        def deadly_save(state: dict[str, object], file: object) -> None:
            save(state, file)
            if state["step"] >= int(number):
                file.truncate(file.tell() // 2)
                file.flush()
                die()

        torch.save = deadly_save
    trainer.train(config)


def begin(config: TrainingConfig, end: str) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        live(config, end)
        code = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def begin_shared(config: TrainingConfig) -> list[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2"}
    children = []
    for rank in "01":
        os.environ.update(place, RANK=rank, LOCAL_RANK=rank)
        children.append(begin(config, "done"))
    for name in (*place, "RANK", "LOCAL_RANK"):
        del os.environ[name]
    return children


if __name__ == "__main__":
    for path, how in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        settings = load_training_config(Path(path))
        processes = begin_shared(settings) if how == "shared" else [begin(settings, how)]
        if how.startswith("later"):
            while not (settings.run / "checkpoint.pt").exists():
                time.sleep(0.005)
            time.sleep(float(how.split()[1]))
            os.kill(processes[0], signal.SIGKILL)
        statuses = {os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in processes}
        if statuses != {0 if how in ("done", "shared") else -signal.SIGKILL}:
            sys.exit(f"{path} {how}: {statuses}")

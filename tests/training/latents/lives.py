"""Lives of runs in latents, each in processes of its own, for `test_trainer`.

    lives.py [CONFIG.yaml PROCESSES END]...

END: `done`; `until N` (stopped after step N); `step N` (killed within step N, between the optimiser
and the running average); `save N` (killed while the checkpoint of step N is written).
Processes are forked from one that has imported all there is to import. The text encoder is replaced
by a small one, and every step's terms are logged.
"""

import os
import signal
import socket
import sys
import traceback
from pathlib import Path

import torch
from tests.training.lives import SmallEncoder, die, die_within_step

from soundsift.training import loop, sharded
from soundsift.training.config import read_yaml, validated
from soundsift.training.latents import trainer
from soundsift.training.latents.config import LatentTrainingConfig

torch.set_num_threads(1)


def live(config: LatentTrainingConfig, end: str) -> None:
    trainer.build_text_encoder = lambda config, device: SmallEncoder()
    loop._LOG_EVERY = 1
    how, _, number = end.partition(" ")
    if how == "step":
        die_within_step(config.run, int(number))
    elif how == "save":
        save = sharded.state_dict_saver.save

        def deadly_save(state: object, checkpoint_id: Path, no_dist: bool) -> None:
            save(state, checkpoint_id=checkpoint_id, no_dist=no_dist)
            if checkpoint_id.stem == f"step-{number}":
                die()

        sharded.state_dict_saver.save = deadly_save
    trainer.train_latents(config, until=int(number) if how == "until" else None)


def begin(config: LatentTrainingConfig, processes: int, end: str) -> list[int]:
    children = []
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    for rank in range(processes):
        child = os.fork()
        if child:
            children.append(child)
            continue
        code = 1
        try:
            if processes > 1:
                os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                os.environ |= {"WORLD_SIZE": str(processes), "MASTER_PORT": str(port)}
                os.environ["MASTER_ADDR"] = "127.0.0.1"
            live(config, end)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    return children


if __name__ == "__main__":
    for path, processes, how in zip(*[iter(sys.argv[1:])] * 3, strict=True):
        settings = validated(Path(path), read_yaml(Path(path)), LatentTrainingConfig)
        expected = -signal.SIGKILL if how.startswith(("step", "save")) else 0
        for process in begin(settings, int(processes), how):
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            if status != expected:
                sys.exit(f"{path} {how}: {status}")

"""Write the bill of materials of an environment, as CycloneDX.

It lists the environment's packages, and what soundsift itself bundles:
sbom.py PYTHON OUTPUT.json
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

ROOT = Path(__file__).parents[1]


def bill(python: Path) -> dict[str, Any]:
    """Packages of an environment, by cyclonedx-bom, and the entries of `bundled.json`."""
    command = [Path(sys.executable).with_name("cyclonedx-py"), "environment", python]
    options = [
        "--pyproject",
        ROOT / "pyproject.toml",
        "--mc-type",
        "library",
        "--output-reproducible",
    ]
    done = subprocess.run(
        [*map(str, command), *map(str, options)], check=True, stdout=subprocess.PIPE
    )
    found: dict[str, Any] = json.loads(done.stdout)
    bundled = json.loads((Path(__file__).parent / "bundled.json").read_text())
    for component in bundled:
        component["bom-ref"] = f"bundled:{component['name']}"
    found["components"] += bundled
    # The environment holds soundsift, which the bill is about, as a package, too.
    own = found["metadata"]["component"]["bom-ref"]
    depends = next(entry for entry in found["dependencies"] if entry["ref"] == own)
    depends.setdefault("dependsOn", []).extend(part["bom-ref"] for part in bundled)
    return found


if __name__ == "__main__":
    text = json.dumps(bill(Path(sys.argv[1])), indent=2) + "\n"
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    if error is not None:
        sys.exit(f"the bill is not valid CycloneDX: {error}")
    Path(sys.argv[2]).write_text(text)
    print(f"{sys.argv[2]}: {len(json.loads(text)['components'])} components")

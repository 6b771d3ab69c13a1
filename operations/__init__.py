"""Programs for those who run Trainyard: ``python -m operations --help``."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent.parent / "constructs"))

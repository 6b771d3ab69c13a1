"""What the policy packs wrote about a synthesised assembly."""

import json
from pathlib import Path
from typing import Any

NAG_PACKS = ("AwsSolutions", "NIST.800.53.R4", "NIST.800.53.R5", "HIPAA.Security", "PCI.DSS.321")
"""Those of cdk-nag, by the names they have in the report."""

OWN_PACK = "Trainyard"
"""The pack of our own rules."""

PACKS = (*NAG_PACKS, OWN_PACK)
"""The packs that every environment passes."""

FILE = "validation-report.json"
"""Where in the assembly the CDK writes it."""

Report = dict[str, Any]


def read(assembly: Path) -> dict[str, Report]:
    """Pack name to report; a pack that found nothing, and of which nothing was acknowledged, is not in it.

    Raises:
        FileNotFoundError: when the assembly was made without packs.
    """
    plugins = json.loads((assembly / FILE).read_text())["pluginReports"]
    return {plugin["pluginName"]: plugin for plugin in plugins}

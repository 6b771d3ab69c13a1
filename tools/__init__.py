"""Programs for those who change Trainyard."""

import app as app  # puts constructs/ on the path, and names the Node that jsii starts

"""What a bucket's policy has room for.

Source: AWS docs AmazonS3/latest/userguide/bucket-policies.html
"""

MAX_POLICY = 20 * 1024
"""Bytes of the policy of one bucket."""

MAX_FOLDER_KEYS = 40
"""Folders of one bucket that have a key of their own: its policy names each twice, with names of any length."""

REGIONS = ("eu-west-1", "us-east-1")
S3_PREFIX_LISTS = {"eu-west-1": "pl-6da54004"}

"""Who may do what in SageMaker: the requests that show it, and IAM's answers to them."""

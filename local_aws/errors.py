"""What AWS answers when it refuses."""

from moto.core.exceptions import ServiceException


class AwsError(ServiceException):
    """An error of an AWS service, which the caller gets as botocore's ``ClientError``.

    Args:
        code: the error code of the service's model.
        message: what AWS says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code = code


class ResourceError(Exception):
    """A resource that cannot be made, changed or deleted, in CloudFormation's words.

    Args:
        message: what CloudFormation says.
        physical_id: the resource, when it was made before it failed: it is there, and whoever rolls back deletes it.
    """

    def __init__(self, message: str, physical_id: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.physical_id = physical_id

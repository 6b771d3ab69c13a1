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

"""What the clients tell their users instead of giving an output."""


class Told(Exception):
    """Root: the words, or the parts, that a user is shown."""


class JobFailed(Told):
    """The job's `Details`, in the words of the client."""


class JobCancelled(Told):
    """The job was cancelled."""


class Refused(Told):
    """A call was answered with an error that the client could read."""

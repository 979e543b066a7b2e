"""Replies that come later: application acknowledgments of enhanced mode, and results that a reply waits for.

compose.py    one acknowledgment, when it is due and what it says
outlets.py    the ways back: a connection of the sender's, or one of the oracle's own
sending.py    sends what is owed, in order, until it is confirmed or given up
shares.py     which of several oracles on one journal sends it
results.py    how processing ended, for replies that wait for it
fetching.py   acknowledgments that senders over HTTP fetch
"""

from oracle.replies.compose import Composer
from oracle.replies.fetching import Fetching
from oracle.replies.outlets import OwnConnections, SenderConnections
from oracle.replies.ports import AckStore
from oracle.replies.results import ProcessingResults
from oracle.replies.sending import Sending
from oracle.replies.shares import Standing

__all__ = [
    "AckStore",
    "Composer",
    "Fetching",
    "OwnConnections",
    "ProcessingResults",
    "SenderConnections",
    "Sending",
    "Standing",
]

"""The actions of the specification that change none of the tables of the model, with the reasons."""

from __future__ import annotations

from typing import Final

SILENT: Final = {
    "request_pre_vote": "a pre-vote binds nobody",
    "handle_pre_vote_request": "a pre-vote binds nobody",
    "handle_pre_vote_reply": "a pre-vote binds nobody",
    "ignore_request_vote": "nothing changes",
    "ignore_timeout_now": "nothing changes",
    "request_vote": "the facts that it reports are true since the server became a candidate",
    "append_entries": "the leader has offered the entries in it",
    "install_snapshot": "the leader has offered the entries in it",
    "refuse_old_request": "a refusal acknowledges nothing",
    "drop_stale_reply": "nothing changes",
    "compact": "a log is the same whether its beginning is compacted or not",
    "transfer_leadership": "a transfer changes neither a log, a vote, a term nor a role before its target stands",
    "timeout_now": "a transfer changes neither a log, a vote, a term nor a role before its target stands",
    "give_up_transfer": "a transfer changes neither a log, a vote, a term nor a role before its target stands",
    "begin_reads": "a read changes neither a log, a vote, a term nor a role",
    "confirm_leadership": "a read changes neither a log, a vote, a term nor a role",
    "handle_confirm_leadership": "a read changes neither a log, a vote, a term nor a role",
    "handle_leadership_confirmed": "a read changes neither a log, a vote, a term nor a role",
    "end_reads": "a read changes neither a log, a vote, a term nor a role",
    "drop_message": "a message that was sent may never arrive",
}

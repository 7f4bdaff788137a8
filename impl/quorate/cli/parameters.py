"""Options and arguments that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_ADDRESSES = "[default: 127.0.0.1:6379, or those of quorate demo if it runs instead]"

NewFolderArgument = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder for them; created if it doesn't exist.")
]
NodesOption = Annotated[int, typer.Option("--nodes", min=1, max=100, help="How many nodes the cluster has.")]
ClusterOption = Annotated[str, typer.Option("--cluster", metavar="NAME", help="The cluster's name.")]
AddressesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[HOST:PORT]...", help=f"The nodes' addresses for clients. {DEFAULT_ADDRESSES}"),
]
ServerOption = Annotated[
    list[str] | None,
    typer.Option(
        "--server", metavar="HOST:PORT", help=f"A node's address for clients; repeat for each node. {DEFAULT_ADDRESSES}"
    ),
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="How long to try.", show_default=True)
]

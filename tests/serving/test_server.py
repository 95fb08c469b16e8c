"""The listening socket."""

from __future__ import annotations

import asyncio
import socket

from serving.server import listen


def test_a_reply_does_not_wait_for_an_acknowledgement() -> None:
    """Nagle is off on what was accepted: with it on, a connection kept open gets 25 replies a second."""

    async def accepted_option() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def note(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            sock = writer.get_extra_info("socket")
            found.set_result(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with listen("127.0.0.1", 0) as listener:
            async with await asyncio.start_server(note, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                option = await asyncio.wait_for(found, 5)
                writer.close()
        return option

    assert asyncio.run(accepted_option()) != 0

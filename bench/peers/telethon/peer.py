"""Moves files as Telethon with cryptg does it, for the benches: no HTTP.

Its argument is JSON: the Telegram to talk to. It prints one line of JSON once it is connected.
Then it reads one command of JSON a line, and prints one line of JSON for each.
"""

import asyncio
import json
import os
import sys
import time

import cryptg  # noqa: F401  Telethon falls back to slow Python in silence when it is missing.
import telethon
from telethon.sessions import StringSession
from telethon.tl.types import PeerChannel

place = json.loads(sys.argv[1])


async def upload(client, channel, path):
    started = time.monotonic()
    await client.send_file(channel, path, force_document=True, part_size_kb=512)
    return os.path.getsize(path), time.monotonic() - started


async def download(client, channel, message_ids):
    messages = await client.get_messages(channel, ids=message_ids)
    started = time.monotonic()

    async def read(message):
        size = 0
        async for block in client.iter_download(message.media, request_size=512 * 1024):
            size += len(block)
        return size

    sizes = await asyncio.gather(*(read(message) for message in messages))
    return sum(sizes), time.monotonic() - started


async def main():
    client = telethon.TelegramClient(
        StringSession(place["telethonSession"]),
        place["apiId"],
        place["apiHash"],
        receive_updates=False,
    )
    await client.connect()
    await client.get_dialogs()
    channel = await client.get_input_entity(PeerChannel(int(place["channelId"].removeprefix("-100"))))
    print(json.dumps({"version": telethon.__version__}), flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        if command["do"] == "upload":
            size, seconds = await upload(client, channel, command["path"])
        else:
            size, seconds = await download(client, channel, command["messageIds"])
        print(json.dumps({"bytes": size, "seconds": seconds}), flush=True)
    await client.disconnect()


asyncio.run(main())

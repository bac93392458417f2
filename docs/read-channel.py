"""Lists the files of a channel, by docs/format.md alone: one line of JSON for each, oldest first,
with the path of its folder. With the number of a message it writes that file, its volumes joined.

    pip install Telethon
    export TELEGRAM_API_ID=… TELEGRAM_API_HASH=… TELEGRAM_SESSION=…
    python read-channel.py -1001234567890
    python read-channel.py -1001234567890 42 > film.mkv

The session is a Telethon string session of a user, the same as the worker's. Stop the worker first:
Telegram ends a session that two programs use.
"""

import asyncio
import hashlib
import json
import os
import re
import sys
import unicodedata
from collections import defaultdict
from datetime import datetime
from urllib.parse import unquote

from telethon import TelegramClient
from telethon.sessions import StringSession
from telethon.tl.types import PeerChannel

LINE = re.compile(r"(?<!\S)#telestore[ \t]+([^\n]*)")
FIELD = re.compile(r"(?<!\S)([a-z0-9]+)=(\S+)")
TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{3})?Z")


def digits(value, count):
    return value.lower() if re.fullmatch("[0-9a-fA-F]{%d}" % count, value) else None


def kind(value):
    pieces = re.fullmatch("volume-([0-9]{1,9})-of-([0-9]{1,9})", value)
    is_volume = pieces and 1 <= int(pieces[1]) <= int(pieces[2])
    return value if is_volume or value in ("file", "manifest", "folder") else None


def time(value):
    try:
        return TIME.fullmatch(value) and datetime.fromisoformat(value[:-1]) and value
    except ValueError:
        return None


def name(value, document_name):
    """The name of a file; None where the field cannot be read."""
    if re.search("%(?![0-9a-fA-F]{2})", value) or value.count("*") > 1:
        return None
    try:
        start, star, end = (unquote(part, errors="strict") for part in value.partition("*"))
    except UnicodeDecodeError:
        return None
    whole = document_name or ""
    if star and len(whole) > len(start + end) and whole.startswith(start) and whole.endswith(end):
        return whole
    return start + star.replace("*", "…") + end if start or end else None


def describe(caption, document_name):
    """What the first line of ours says; nothing known where there is none."""
    for line in LINE.findall(caption):
        field = defaultdict(str, kind="file")
        field.update(reversed(FIELD.findall(line)))  # Of several of one key the first counts.
        if field["v"] == "1" and digits(field["id"], 32) and kind(field["kind"]):
            return {
                "id": digits(field["id"], 32),
                "kind": kind(field["kind"]),
                "folder": digits(field["folder"], 32),
                "name": name(field["name"], document_name) or document_name,
                "modified": time(field["modified"]),
                "sha256": digits(field["sha256"], 64),
                "crc32": digits(field["crc32"], 8),
                "wholesha256": digits(field["wholesha256"], 64),
            }
    return {"name": document_name}


def describe_message(message):
    """What a message with a document says of it."""
    name = message.file.name
    known = describe(message.raw_text or "", name)
    # A folder is a text of its own, and volumes and manifests are where they were posted.
    is_own = known.get("kind") == "file" or (known.get("kind") != "folder" and not message.fwd_from)
    return known if is_own else {"name": name}


def segment(text):
    """The name of a folder as a part of a path."""
    text = unicodedata.normalize("NFC", text or "")
    text = "".join("_" if unicodedata.category(c) == "Cc" or c in "/\\" else c for c in text).strip()
    if len(text.encode()) > 255:
        return text.encode()[:255].decode(errors="ignore").strip()
    return "_" * max(1, len(text)) if text in ("", ".", "..") else text


def paths(folders):
    """The path of each folder, as a list of names. A folder has a name, a parent and its edit."""
    parents = {id: folder["parent"] for id, folder in folders.items()}
    for at in folders:
        way = []
        while at in folders and at not in way:
            way.append(at)
            at = parents[at]
        if at in folders:  # A circle.
            parents[max(way[way.index(at) :], key=lambda id: folders[id]["edit"])] = None
    known = {}
    for at in folders:
        way = []
        while at in folders and at not in known:
            way.append(at)
            at = parents[at]
        for id in reversed(way):
            path = known.get(parents[id], []) + [segment(folders[id]["name"])]
            fits = len(path) <= 100 and sum(len(name.encode()) + 1 for name in path) <= 4096
            known[id] = path if fits else path[-1:]
    return known


def read_manifest(text, id):
    """The volumes that a manifest lists, and the digest of the file; None for any other document."""
    try:
        manifest = json.loads(text)
        volumes = [(v["messageId"], v["documentId"], v["size"]) for v in manifest["volumes"]]
        is_sound = manifest["telestore"] == "manifest" and manifest["version"] == 1
        is_whole = volumes and sum(size for _, _, size in volumes) == manifest["size"]
        return (volumes, manifest["sha256"]) if is_sound and is_whole and manifest["id"] == id else None
    except (ValueError, KeyError, TypeError):
        return None


async def documents(client, channel, number):
    """The messages that hold a file, in the order of its bytes, and its SHA-256, if that is known."""
    message = await client.get_messages(channel, ids=number)
    if not message or not message.document:
        sys.exit("There is no such file")
    known = describe_message(message)
    is_small = message.file.size <= 2 * 1024 * 1024
    if known.get("kind") == "manifest" and is_small:
        manifest = read_manifest(await client.download_media(message, bytes), known["id"])
        if manifest:
            volumes, sha256 = manifest
            return await check_volumes(client, channel, known["id"], volumes), sha256
    return [message], known.get("sha256")


async def check_volumes(client, channel, id, volumes):
    found = []
    for at in range(0, len(volumes), 100):
        found += await client.get_messages(channel, ids=[v[0] for v in volumes[at : at + 100]])
    for at, (message, (_, document, size)) in enumerate(zip(found, volumes)):
        kind = "volume-%d-of-%d" % (at + 1, len(volumes))
        is_there = message and message.document
        known = describe_message(message) if is_there else {}
        is_same = is_there and message.file.size == size and document in (None, str(message.document.id))
        if known.get("id") != id or known.get("kind") != kind or not is_same:
            sys.exit("%s is missing, or is not what the manifest says" % kind)
    return found


async def save(client, channel, number):
    messages, sha256 = await documents(client, channel, number)
    digest = hashlib.sha256()
    for message in messages:
        async for piece in client.iter_download(message.media):
            digest.update(piece)
            sys.stdout.buffer.write(piece)
    if sha256 and sha256 != digest.hexdigest():
        sys.exit("The bytes are not those of the SHA-256")


async def main():
    channel = PeerChannel(-int(sys.argv[1]) - 10**12)
    session = StringSession(os.environ["TELEGRAM_SESSION"])
    api = int(os.environ["TELEGRAM_API_ID"]), os.environ["TELEGRAM_API_HASH"]
    client = TelegramClient(session, *api, receive_updates=False)
    await client.connect()
    await client.get_dialogs(archived=None)  # The session has no other way to the channel.
    if len(sys.argv) > 2:
        await save(client, channel, int(sys.argv[2]))
        return await client.disconnect()
    files, folders, sizes = [], {}, defaultdict(dict)
    async for message in client.iter_messages(channel, reverse=True):
        if message.document:
            known = describe_message(message)
            if known.get("kind", "").startswith("volume-"):
                sizes[known["id"]].setdefault(known["kind"], message.file.size)
            files.append({"message": message.id, "size": message.file.size, **known})
            continue
        known = describe(message.raw_text or "", None)
        if known.get("kind") == "folder":
            edit = (message.edit_date or message.date, message.id)
            folder = {"name": known["name"], "parent": known["folder"], "edit": edit}
            folders.setdefault(known["id"], folder)
    await client.disconnect()
    shown = paths(folders)
    whole = {file["id"] for file in files if file.get("kind") == "manifest"}
    for file in files:
        is_volume = file.get("kind", "").startswith("volume-")
        if is_volume and file["id"] in whole:
            continue  # The file is its manifest's line.
        if file.get("kind") == "manifest" and sizes[file["id"]]:
            file["size"] = sum(sizes[file["id"]].values())
        print(json.dumps({**file, "path": "/" + "/".join(shown.get(file.get("folder"), []))}))


if __name__ == "__main__":
    asyncio.run(main())

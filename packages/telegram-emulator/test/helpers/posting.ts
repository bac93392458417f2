import { KiB } from '../../src/lib/units.ts'
import { isTlObject } from '../../src/tl-fields.ts'
import type { TlObject, TlValue } from '../../src/types.ts'
import type { ApiClient, Caller } from './caller.ts'

export const PART = 512 * KiB

let fileIds = 0n

/** A file_id that no upload of the run had. */
export const newFileId = (): bigint => ++fileIds

export interface Parts {
  fileId: bigint
  parts: number
  big: boolean
}

/** Sends bytes in parts, by the method that their size demands. */
export async function upload(
  client: ApiClient,
  bytes: Uint8Array,
  partSize = PART,
): Promise<Parts> {
  const big = bytes.length > 10 * 1024 * KiB
  const fileId = newFileId()
  const parts = Math.ceil(bytes.length / partSize)
  for (let part = 0; part < parts; part++) {
    const fields = {
      file_id: fileId,
      file_part: part,
      bytes: bytes.subarray(part * partSize, (part + 1) * partSize),
    }
    if (big) await client.invoke('upload.saveBigFilePart', { ...fields, file_total_parts: parts })
    else await client.invoke('upload.saveFilePart', fields)
  }
  return { fileId, parts, big }
}

export function uploadedMedia({ fileId, parts, big }: Parts, md5 = ''): TlObject {
  const file = { id: fileId, parts, name: 'file.bin' }
  return {
    _: 'inputMediaUploadedDocument',
    file: big ? { _: 'inputFileBig', ...file } : { _: 'inputFile', ...file, md5_checksum: md5 },
    mime_type: 'application/octet-stream',
    attributes: [{ _: 'documentAttributeFilename', file_name: 'file.bin' }],
  }
}

/** The main account's channel as one account may name it; hash 0 for a bot. */
export async function channelPeer(caller: Caller, client: ApiClient): Promise<TlObject> {
  const dialogs = await client.invoke('messages.getDialogs', {
    offset_date: 0,
    offset_id: 0,
    offset_peer: { _: 'inputPeerEmpty' },
    limit: 100,
    hash: 0n,
  })
  const id = BigInt(-1_000_000_000_000 - Number(caller.account.channelId))
  const channel = list(dialogs.chats).find((chat) => chat.id === id)
  return { _: 'inputPeerChannel', channel_id: id, access_hash: channel?.access_hash ?? 0n }
}

export const toInputChannel = (peer: TlObject): TlObject => ({ ...peer, _: 'inputChannel' })

/** Uploads and posts a file; returns the document and the message's id. */
export async function post(
  caller: Caller,
  bytes: Uint8Array,
): Promise<{ document: TlObject; id: number; peer: TlObject }> {
  const { user } = caller
  const peer = await channelPeer(caller, user)
  const updates = await user.invoke('messages.sendMedia', {
    peer,
    media: uploadedMedia(await upload(user, bytes)),
    message: '',
    random_id: newFileId(),
  })
  const news = list(updates.updates).find(({ _ }) => _ === 'updateNewChannelMessage')
  const posted = object(news?.message)
  return { document: object(object(posted.media).document), id: Number(posted.id), peer }
}

export const toLocation = (document: TlObject): TlObject => ({
  _: 'inputDocumentFileLocation',
  id: document.id,
  access_hash: document.access_hash,
  file_reference: document.file_reference,
  thumb_size: '',
})

export function object(value: TlValue): TlObject {
  if (!isTlObject(value)) throw new Error('not an object')
  return value
}

export const list = (value: TlValue): TlObject[] =>
  Array.isArray(value) ? value.filter(isTlObject) : []

/** The head of a JPEG of that size, and noise up to so many bytes. */
export function makeJpeg(width: number, height: number, length = 600): Buffer {
  const head = Buffer.from('ffd8ffe000104a46494600010100000100010000ffc0001108', 'hex')
  const size = Buffer.alloc(4)
  size.writeUInt16BE(height, 0)
  size.writeUInt16BE(width, 2)
  const frame = Buffer.concat([head, size, Buffer.from('03011100021100031100', 'hex')])
  return Buffer.concat([frame, Buffer.alloc(length - frame.length, 7)])
}

/** Uploads a file without posting it, and returns the medium that names it. */
export async function uploadedDocument(
  client: ApiClient,
  peer: TlObject,
  media: TlObject,
): Promise<TlObject> {
  const made = await client.invoke('messages.uploadMedia', { peer, media })
  const { id, access_hash, file_reference } = object(made.document)
  return { _: 'inputMediaDocument', id: { _: 'inputDocument', id, access_hash, file_reference } }
}

/** Reads messages by their ids. */
export async function getMessages(
  client: ApiClient,
  peer: TlObject,
  ids: readonly number[],
): Promise<TlObject[]> {
  const found = await client.invoke('channels.getMessages', {
    channel: toInputChannel(peer),
    id: ids.map((id) => ({ _: 'inputMessageID', id })),
  })
  return list(found.messages)
}

/** Posts a text; returns the message's id. */
export async function postText(
  client: ApiClient,
  peer: TlObject,
  message: string,
): Promise<number> {
  const { updates } = await client.invoke('messages.sendMessage', {
    peer,
    message,
    random_id: newFileId(),
  })
  return Number(list(updates)[0]?.id)
}

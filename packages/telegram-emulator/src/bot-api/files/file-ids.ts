import { parseFileId, toFileId, toUniqueFileId } from '@mtcute/file-id'
import type { Telegram } from '../../context.ts'
import { thumbType } from '../../files/thumbs.ts'
import type { Account } from '../../store/accounts.ts'
import type { Document, DocumentKind } from '../../store/documents.ts'

type Location = Parameters<typeof toFileId>[0]
type Source = Extract<Location['location'], { _: 'photo' }>['source']
type CommonLocation = Extract<Location['location'], { _: 'common' }>
type Long = CommonLocation['id']

/** File types in Bot API file ids. */
const TYPES: Record<DocumentKind, Location['type']> = {
  document: 5,
  video: 4,
  round: 13,
  animation: 10,
  audio: 9,
  voice: 3,
  sticker: 8,
}
const THUMBNAIL_TYPE: Location['type'] = 0

export interface BotFileIds {
  fileId: string
  fileUniqueId: string
}

/** The ids by which this bot, and over MTProto the same account, can name the document. */
export function toBotFileIds(telegram: Telegram, bot: Account, document: Document): BotFileIds {
  const { hashes } = telegram.store
  const id = toLong(BigInt(document.id))
  const accessHash = toLong(hashes.access('document', bot.id, document.id))
  const location: Location = {
    dcId: document.dcId,
    type: TYPES[document.kind],
    fileReference: hashes.reference(bot.id, document.id),
    location: { _: 'common', id, accessHash },
  }
  return { fileId: toFileId(location), fileUniqueId: toUniqueFileId(location) }
}

/** The ids of the document's thumbnail. */
export function toThumbFileIds(telegram: Telegram, bot: Account, document: Document): BotFileIds {
  const { hashes } = telegram.store
  const source: Source = {
    _: 'thumbnail',
    fileType: THUMBNAIL_TYPE,
    thumbnailType: document.thumb ? thumbType(document.thumb) : '',
  }
  const location: Location = {
    dcId: document.dcId,
    type: THUMBNAIL_TYPE,
    fileReference: hashes.reference(bot.id, document.id),
    location: {
      _: 'photo',
      id: toLong(BigInt(document.id)),
      accessHash: toLong(hashes.access('document', bot.id, document.id)),
      source,
    },
  }
  return { fileId: toFileId(location), fileUniqueId: toUniqueFileId(location) }
}

/** A file that a bot may ask for: a document, or the small picture beside it. */
export interface BotFile {
  document: Document
  isThumb: boolean
}

/**
 * The file of a file_id, if this bot was given it.
 *
 * Its file reference may have expired: the Bot API renews those by itself, and promises no end
 * to a file_id.
 */
export function fromBotFileId(telegram: Telegram, bot: Account, fileId: string): BotFile | null {
  const location = parse(fileId)
  if (location?._ !== 'common' && location?._ !== 'photo') return null
  const isThumb = location._ === 'photo'
  const id = fromLong(location.id).toString()
  const hash = telegram.store.hashes.access('document', bot.id, id)
  const document = fromLong(location.accessHash) === hash ? telegram.store.documents.find(id) : null
  return document && (!isThumb || document.thumb) ? { document, isThumb } : null
}

function parse(fileId: string): Location['location'] | null {
  try {
    return parseFileId(fileId).location
  } catch {
    return null
  }
}

// The edge: the library wants objects of the package `long`, and reads two fields of them.
function toLong(value: bigint): Long {
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(BigInt.asIntN(32, value >> 32n))
  return { low, high, unsigned: false } as Long
}

const fromLong = ({ low, high }: Long): bigint =>
  BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt.asUintN(32, BigInt(low)))
